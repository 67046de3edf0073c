#pragma once

#include <cstdint>

namespace cairn::kv::api {

// What the kernel says of this process; a number it does not give is 0.
struct ProcessStats {
  std::uint64_t resident_bytes = 0;
  std::uint64_t virtual_bytes = 0;
  double cpu_seconds = 0;
  double start_time_seconds = 0;  // Since the epoch.
  std::uint64_t open_fds = 0;
  std::uint64_t max_fds = 0;
};
ProcessStats ReadProcessStats();

}  // namespace cairn::kv::api
