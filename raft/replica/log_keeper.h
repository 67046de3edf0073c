#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "raft/base/types.h"
#include "raft/core/core.h"
#include "raft/core/entry.h"
#include "raft/replica/options.h"

namespace cairn::raft {

// Decides when the state is flushed (a snapshot point, design 4.2) and how much of the log stays behind it: a
// margin for slow followers, and what the receivers of snapshots will need next. Counts, and does nothing.
// Not thread-safe; owned by Replica.
class LogKeeper {
 public:
  // The state is on stable storage up to `restored.applied`.
  LogKeeper(const ReplicaOptions& options, const RestoredState& restored);

  // The next entry is committed.
  void Committed(const Entry& entry);
  void Applied(Index index) { applied_ = index; }

  [[nodiscard]] bool ShouldFlush(std::uint64_t tick, std::uint64_t unflushed_bytes) const;
  void FlushStarted() { flushing_ = true; }
  void Flushed(Index index, std::uint64_t tick);

  // A snapshot came: the log begins after `index`, which is flushed.
  void Reset(Index index, std::uint64_t tick);

  // What follows `from` stays until Unpin(), for the receiver of a snapshot at `from`.
  void Pin(NodeId peer, Index from);
  void Unpin(NodeId peer) { pins_.erase(peer); }
  void UnpinAll() { pins_.clear(); }
  [[nodiscard]] const std::map<NodeId, Index>& pins() const { return pins_; }
  // Pins that keep more than ReplicaOptions::max_pinned_bytes.
  [[nodiscard]] std::vector<NodeId> OverdrawnPins() const;

  // Up to where the log may go now, if that is further than before. The caller lets it go.
  std::optional<Index> Release();

 private:
  [[nodiscard]] Index last() const { return Index{first_kept_.value() + total_through_.size()}; }
  [[nodiscard]] std::uint64_t TotalThrough(Index index) const;
  [[nodiscard]] std::uint64_t BytesBetween(Index after, Index through) const {
    return TotalThrough(through) - TotalThrough(after);
  }
  [[nodiscard]] Index MarginBelow(Index index) const;

  const ReplicaOptions options_;
  const std::uint64_t interval_ticks_;

  // total_through_[i] is the size of all entries up to first_kept_ + 1 + i, counted from an arbitrary zero:
  // differences are sizes of ranges.
  std::deque<std::uint64_t> total_through_;
  std::uint64_t total_before_ = 0;  // The same for first_kept_.
  Index first_kept_;                // The index before the first entry kept.
  Index applied_;
  Index flushed_;
  bool flushing_ = false;
  std::uint64_t last_flush_tick_ = 0;
  std::map<NodeId, Index> pins_;
};

}  // namespace cairn::raft
