#include "raft/base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace cairn {

void AssertionFailed(const char* condition, const char* file, int line, const std::string& detail) {
  // Straight to stderr: the logger may be what is broken, and buffered lines would be lost by abort().
  std::fprintf(stderr, "cairn: invariant broken: %s at %s:%d: %s\n", condition, file, line, detail.c_str());
  std::fflush(stderr);
  std::abort();
}

}  // namespace cairn
