#pragma once

#include <chrono>

namespace cairn::raft {

// When the next tick is due. After a stall (a paused process, a long turn) one tick stands for all that were
// missed: time in which we could hear nobody is no reason to think that nobody spoke (R102). Knows no clock;
// not thread-safe.
class TickPlan {
 public:
  using Time = std::chrono::steady_clock::time_point;

  TickPlan(Time now, std::chrono::milliseconds tick) : tick_(tick), next_(now + tick) {}

  [[nodiscard]] Time next() const { return next_; }

  // Whether one tick is due at `now`; the next is then planned for later than `now`.
  [[nodiscard]] bool TakeDue(Time now) {
    if (now < next_) return false;
    next_ += tick_;
    if (next_ <= now) next_ = now + tick_;
    return true;
  }

 private:
  const std::chrono::milliseconds tick_;
  Time next_;
};

}  // namespace cairn::raft
