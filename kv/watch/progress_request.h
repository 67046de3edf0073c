#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include "kv/model/revision.h"
#include "raft/base/assert.h"

namespace cairn::kv {

// The progress requests of one stream. One is waited for at a time, whatever a client asks: its target must
// not run away. Those that come meanwhile are answered together, after it. Not thread-safe.
class ProgressRequest {
 public:
  // Everything up to `target` has to be fed and sent first; `owed` watchers have something of it to send.
  // REQUIRES: !is_pending().
  void Start(Revision target, std::size_t owed) {
    CAIRN_ASSERT(!target_, "one at a time: {} after {}", target, *target_);
    target_ = target;
    owed_ = owed;
  }
  // One more request, while `readable` was readable. REQUIRES: is_pending().
  void Postpone(Revision readable) { postponed_ = std::max(postponed_.value_or(readable), readable); }

  // A watcher that does not wait goes on at `next`, or does not any more.
  void Owe(Revision next) {
    if (Covers(next)) ++owed_;
  }
  void Settle(Revision next) {
    if (!Covers(next)) return;
    CAIRN_ASSERT(owed_ > 0, "nothing is owed up to {}", *target_);
    --owed_;
  }

  // Ends the one that is_ready() and returns what it is answered; what was postponed is to be started then.
  Revision Finish() {
    owed_ = 0;
    return *std::exchange(target_, std::nullopt);
  }
  // What was readable when the last of the postponed requests came; nothing if none did.
  std::optional<Revision> TakePostponed() { return std::exchange(postponed_, std::nullopt); }

  [[nodiscard]] bool is_pending() const { return target_.has_value(); }
  [[nodiscard]] bool is_ready(Revision fed) const { return target_ && owed_ == 0 && fed >= *target_; }
  [[nodiscard]] bool awaits_more_than(Revision fed) const { return target_ && fed < *target_; }

 private:
  [[nodiscard]] bool Covers(Revision next) const { return target_ && next <= *target_; }

  std::optional<Revision> target_;
  // Invariant: with a target, the number of watchers that do not wait and whose `next` is not above it.
  std::size_t owed_ = 0;
  std::optional<Revision> postponed_;
};

}  // namespace cairn::kv
