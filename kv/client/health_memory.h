#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

namespace cairn::kv::client {

using SteadyTime = std::chrono::steady_clock::time_point;

// Remembers which endpoints answered lately, to ask them first. Pure: time comes in.
//
// The endpoint that answered last keeps its place (connections stay warm); one that failed is avoided for a
// while, which doubles with each failure in a row, but it is never dropped: when all have failed, the one
// whose time is up first is asked first. Not thread-safe.
class HealthMemory {
 public:
  explicit HealthMemory(std::size_t endpoints, std::size_t first = 0);

  // All endpoints, most promising first.
  std::vector<std::size_t> Order(SteadyTime now) const;

  void Succeeded(std::size_t endpoint);
  void Failed(std::size_t endpoint, SteadyTime now);

 private:
  struct Record {
    int failures = 0;      // In a row.
    SteadyTime bad_until;  // Avoided before; only meaningful if failures > 0.
  };
  std::vector<Record> records_;
  std::size_t preferred_;  // Answered last; Invariant: preferred_ < records_.size().
};

}  // namespace cairn::kv::client
