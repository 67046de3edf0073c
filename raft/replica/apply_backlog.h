#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>

#include "raft/base/assert.h"
#include "raft/base/types.h"

namespace cairn::raft {

// What is committed and handed to the applier, and not applied yet. Not thread-safe; owned by Replica.
class ApplyBacklog {
 public:
  struct Limits {
    std::size_t entries = 0;
    std::size_t bytes = 0;  // Of payload.
  };

  ApplyBacklog(Index applied, const Limits& limits)
      : limits_(limits), committed_(applied), applied_(applied) {}

  // The entries after committed() up to `last` go to the applier. REQUIRES: last > committed().
  void HandedOver(Index last, std::size_t bytes) {
    CAIRN_ASSERT(last > committed_, "last={} committed={}", last, committed_);
    committed_ = last;
    unapplied_.emplace_back(last, bytes);
    unapplied_bytes_ += bytes;
  }

  // The applier stands at `index`. REQUIRES: index <= committed().
  void Applied(Index index) {
    CAIRN_ASSERT(index <= committed_, "applied={} committed={}", index, committed_);
    applied_ = std::max(applied_, index);
    while (!unapplied_.empty() && unapplied_.front().first <= index) {
      unapplied_bytes_ -= unapplied_.front().second;
      unapplied_.pop_front();
    }
  }

  // A snapshot at `index` is in the place of all there was.
  void Reset(Index index) {
    committed_ = index;
    applied_ = index;
    unapplied_.clear();
    unapplied_bytes_ = 0;
  }

  // Nothing more should be committed: it would only wait here, in memory.
  [[nodiscard]] bool full() const {
    return committed_.value() - applied_.value() > limits_.entries || unapplied_bytes_ > limits_.bytes;
  }
  [[nodiscard]] bool empty() const { return applied_ == committed_; }
  [[nodiscard]] Index committed() const { return committed_; }
  [[nodiscard]] Index applied() const { return applied_; }

 private:
  const Limits limits_;
  Index committed_;  // Handed to the applier. Invariant: applied_ <= committed_.
  Index applied_;
  std::deque<std::pair<Index, std::size_t>> unapplied_;  // Last index and payload bytes of each hand-over.
  std::size_t unapplied_bytes_ = 0;                      // Their sum.
};

}  // namespace cairn::raft
