#pragma once

#include <string>

#include "cmd/cairn-bench/load_loop.h"
#include "cmd/cairn-bench/options.h"

namespace cairn::bench {

struct Figures {
  double seconds = 0;      // That were measured.
  double cpu_seconds = 0;  // This program's, of all its threads, in that time.
};

std::string TextReport(const Options& options, const Result& result, const Figures& figures);
std::string JsonReport(const Options& options, const Result& result, const Figures& figures);

}  // namespace cairn::bench
