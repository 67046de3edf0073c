#include "raft/replica/cluster_clock.h"

#include <algorithm>

#include "raft/base/probe.h"

namespace cairn::raft {

void ClusterClock::StartLeading(ClusterTime time, MonotonicTime now) {
  anchor_time_ = std::max(time, committed_);
  anchor_now_ = now;
}

void ClusterClock::Committed(ClusterTime time) { committed_ = std::max(committed_, time); }

ClusterTime ClusterClock::Propose(MonotonicTime now) {
  const std::uint64_t elapsed = now > anchor_now_ ? now.value() - anchor_now_.value() : 0;
  const ClusterTime limit{committed_.value() + election_timeout_ms_};
  const ClusterTime wanted{anchor_time_.value() + elapsed};
  if (wanted > limit) CAIRN_PROBE("replica_cluster_time_capped");
  // The new anchor is what makes the cut permanent. An anchor above the limit stays: time never falls.
  anchor_time_ = std::max(anchor_time_, std::min(wanted, limit));
  anchor_now_ = std::max(anchor_now_, now);
  return anchor_time_;
}

}  // namespace cairn::raft
