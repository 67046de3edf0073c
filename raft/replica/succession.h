#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <optional>

#include "raft/base/types.h"
#include "raft/core/core.h"

namespace cairn::raft {

// Gives the lead away when this node should not have it: because it stops, or because its disk hangs. Not
// thread-safe; owned by Replica.
//
// A leader whose fdatasync does not return goes on beating, and the others commit without it; but it stores
// nothing, can vote for nobody, and one more failure stops the cluster (R27). So after a while it hands over
// to the best follower, and if nobody has taken the lead by the end of a transfer's time, it resigns. Until
// the disk answers it does not campaign.
class Succession {
 public:
  // `core` must outlive it.
  Succession(Core& core, std::uint64_t election_ticks) : core_(core), election_ticks_(election_ticks) {}

  // The voter that was heard from lately and has most of the log; never one that lost what it had
  // acknowledged.
  [[nodiscard]] std::optional<NodeId> BestFollower() const;

  // Somebody asks for `to`, or for the best follower, to lead. Who that is, if it could be begun; this node
  // itself, where there is nothing to do. FailedPrecondition: does not lead, or nobody is there; else as
  // Core::TransferLeadership().
  [[nodiscard]] absl::StatusOr<NodeId> HandOverTo(std::optional<NodeId> to);

  // This node stops: a leader hands over, if there is anybody.
  void BeginStop(std::uint64_t tick);
  // Whether a stopping leader should wait for another one.
  [[nodiscard]] bool handing_over(std::uint64_t tick) const;

  // Once a tick. `waits_since`: the tick since which the oldest task of the log's waits.
  void WatchDisk(std::optional<std::uint64_t> waits_since, std::uint64_t tick);
  // The disk has not answered for long.
  [[nodiscard]] bool disk_stalled() const { return disk_ != Disk::kAnswers; }

 private:
  // kHandingOver: `resign_at_` is set, and nothing else has been done. kGivenUp: the core knows.
  enum class Disk : std::uint8_t { kAnswers, kHandingOver, kGivenUp };

  Core& core_;
  const std::uint64_t election_ticks_;
  std::uint64_t stop_waits_until_ = 0;  // The tick until which a stopping leader waits for another.
  Disk disk_ = Disk::kAnswers;
  std::uint64_t resign_at_ = 0;  // The tick.
};

}  // namespace cairn::raft
