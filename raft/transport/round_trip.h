#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include <atomic>
#include <chrono>
#include <optional>

#include "raft/transport/frame.h"
#include "raft/transport/stats.h"

namespace cairn::raft {

// Measures round trips on one stream by marks that ride on frames which leave anyway. Thread-safe.
class RoundTripMeter {
 public:
  using Clock = std::chrono::steady_clock;

  // Adds to an outgoing frame what is due: a ping now and then, the answer to the peer's.
  void Mark(Frame& frame, Clock::time_point now);

  // Takes in what an incoming frame brought.
  void See(const Frame& frame, Clock::time_point now);

  // Another stream: what is outstanding on the old one will not be answered.
  void Restart();

  [[nodiscard]] RoundTripHistogram histogram() const;

 private:
  void Count(std::uint64_t microseconds) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  mutable absl::Mutex mu_;
  std::optional<Clock::time_point> last_ping_ ABSL_GUARDED_BY(mu_);
  std::optional<std::uint64_t> outstanding_ ABSL_GUARDED_BY(mu_);  // Our ping without an answer.
  std::optional<std::uint64_t> owed_ ABSL_GUARDED_BY(mu_);         // The peer's ping that we have to return.
  Clock::time_point owed_since_ ABSL_GUARDED_BY(mu_);
  RoundTripHistogram histogram_ ABSL_GUARDED_BY(mu_);
};

}  // namespace cairn::raft
