#pragma once

#include <cstdint>

#include "raft/base/types.h"

namespace cairn::raft {

// Milliseconds of the node's own monotonic clock, handed in by whoever has one. The zero is arbitrary.
using MonotonicTime = Strong<struct MonotonicTimeTag>;

// The cluster time that a leader proposes (design 4.1): it goes on from where the cluster's time stood when
// it was elected, at the pace of its own monotonic clock, never falls, and is never more than one election
// timeout above the last committed time. So a paused process, or disks that commit nothing, do not expire
// what nobody could renew: the time that was cut off is not made up for.
class ClusterClock {
 public:
  explicit ClusterClock(std::uint64_t election_timeout_ms) : election_timeout_ms_(election_timeout_ms) {}

  // This node was elected; `time` is the greatest it has seen (CoreStatus::time).
  void StartLeading(ClusterTime time, MonotonicTime now);

  // An entry with this time is committed.
  void Committed(ClusterTime time);

  // The time for an entry proposed now.
  [[nodiscard]] ClusterTime Propose(MonotonicTime now);

 private:
  const std::uint64_t election_timeout_ms_;
  ClusterTime
      anchor_time_;  // The cluster's time at anchor_now_. Invariant: proposed times never fall below it.
  MonotonicTime anchor_now_;
  ClusterTime committed_;
};

}  // namespace cairn::raft
