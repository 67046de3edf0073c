#pragma once

#include <string>
#include <vector>

#include "tests/integration/faults/load.h"
#include "tests/integration/faults/options.h"
#include "tests/integration/faults/verdict.h"

namespace cairn::faults {

struct Figures {
  double seconds = 0;
  std::int64_t revision = 0;
  std::int64_t keys = 0;
  std::vector<double> failover_ms;
};

// Fail-overs beyond --max-median-ms and --max-ms become violations.
void CheckFailover(const Options& options, std::vector<double> times, Verdict& verdict);

void PrintHead(const Options& options, const std::string& directory);
void PrintReport(const Options& options, const Figures& figures, const LoadCounters& counters,
                 const Verdict& verdict);

}  // namespace cairn::faults
