#pragma once

#include "raft/base/rng.h"

namespace cairn::raft {

// Counts ticks of silence. The timeout is drawn anew for each election, from [T, 2T), so that two members
// rarely time out together (Raft §5.2).
class ElectionTimer {
 public:
  ElectionTimer(int election_ticks, Rng& rng) : election_ticks_(election_ticks) { Redraw(rng); }

  void Restart() { elapsed_ = 0; }
  void Redraw(Rng& rng) {
    elapsed_ = 0;
    timeout_ = election_ticks_ + static_cast<int>(rng.Below(static_cast<std::uint64_t>(election_ticks_)));
  }

  // Returns whether the timeout has passed.
  bool Tick() { return ++elapsed_ >= timeout_; }

  // Whether less than T passed since the last Restart(): nobody may have timed out yet.
  [[nodiscard]] bool within_minimum() const { return elapsed_ < election_ticks_; }
  [[nodiscard]] int elapsed() const { return elapsed_; }
  [[nodiscard]] int timeout() const { return timeout_; }

 private:
  int election_ticks_;
  int elapsed_ = 0;
  int timeout_ = 0;  // Invariant: T <= timeout_ < 2T.
};

}  // namespace cairn::raft
