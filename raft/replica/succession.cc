#include "raft/replica/succession.h"

#include <algorithm>

#include "raft/base/probe.h"
#include "raft/base/status.h"

namespace cairn::raft {
namespace {

// In election timeouts: how long the disk may give no answer while it owes one. A write that is this late is
// no slow one: at the defaults it is 2.4 seconds.
constexpr std::uint64_t kDiskPatienceTimeouts = 8;

// In election timeouts: how long a transfer may take, and then its election.
constexpr std::uint64_t kHandOverTimeouts = 2;

}  // namespace

std::optional<NodeId> Succession::BestFollower() const {
  const CoreStatus status = core_.status();
  const PeerStatus* best = nullptr;
  for (const PeerStatus& peer : status.peers) {
    const bool eligible = peer.recently_active && !peer.refuses_acknowledged &&
                          std::ranges::binary_search(status.config.voters, peer.id);
    if (eligible && (best == nullptr || peer.match > best->match)) best = &peer;
  }
  return best == nullptr ? std::nullopt : std::optional(best->id);
}

absl::StatusOr<NodeId> Succession::HandOverTo(std::optional<NodeId> to) {
  if (!core_.is_leader()) return absl::FailedPreconditionError("this member does not lead");
  if (!to) to = BestFollower();
  if (!to) return absl::FailedPreconditionError("no follower is there to take over");
  CAIRN_RETURN_IF_ERROR(core_.TransferLeadership(*to));
  return *to;
}

void Succession::BeginStop(std::uint64_t tick) {
  if (HandOverTo(std::nullopt).ok()) stop_waits_until_ = tick + kHandOverTimeouts * election_ticks_;
}

bool Succession::handing_over(std::uint64_t tick) const {
  return core_.is_leader() && tick < stop_waits_until_;
}

void Succession::WatchDisk(std::optional<std::uint64_t> waits_since, std::uint64_t tick) {
  const bool stalled = waits_since && tick - *waits_since >= kDiskPatienceTimeouts * election_ticks_;
  if (!stalled) {
    if (disk_ == Disk::kGivenUp) core_.StorageAnswers();
    disk_ = Disk::kAnswers;
    return;
  }
  if (disk_ == Disk::kGivenUp) return;
  if (disk_ == Disk::kAnswers && HandOverTo(std::nullopt).ok()) {
    CAIRN_PROBE("replica_disk_stalled_hands_over");
    disk_ = Disk::kHandingOver;
    resign_at_ = tick + kHandOverTimeouts * election_ticks_;
  } else if (disk_ == Disk::kHandingOver && core_.is_leader() && tick < resign_at_) {
    return;
  } else {
    if (core_.is_leader()) CAIRN_PROBE("replica_disk_stalled_resigns");
    core_.StorageStalled();
    disk_ = Disk::kGivenUp;
  }
}

}  // namespace cairn::raft
