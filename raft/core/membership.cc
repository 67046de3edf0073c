#include "raft/core/membership.h"

#include <utility>

#include "raft/base/probe.h"
#include "raft/base/status.h"
#include "raft/core/election.h"
#include "raft/core/reads.h"
#include "raft/core/replication.h"
#include "raft/core/transfer.h"

namespace cairn::raft {
namespace {

absl::Status MayChange(const CoreState& state) {
  if (state.leader() == nullptr) return absl::FailedPreconditionError("this member does not lead");
  // Without this, leaders of two terms could each append a change to the same old configuration and count
  // majorities that do not overlap (the bug in single-server changes, found after thesis 4.1).
  if (!HasCommittedInOwnTerm(state)) {
    return absl::FailedPreconditionError("the leader has not committed an entry of its term yet; try again");
  }
  if (state.configs.last_changed() > state.log.commit() || state.config().joint()) {
    return absl::FailedPreconditionError("another membership change is under way; try again");
  }
  return absl::OkStatus();
}

void AppendConfig(CoreState& state, ProposalId id, const Membership& membership, ClusterTime now) {
  AppendAsLeader(state, EntryKind::kMembership, id, Payload::FromString(EncodeMembership(membership)), now);
  // Who is missing for the read round under way may just have ceased to count; nobody else would notice.
  ConfirmReads(state);
}

// Who succeeds a leader that leaves: the voter whose log reaches furthest. Of one that lost entries it had
// acknowledged (R49) that is not known any more.
std::optional<NodeId> BestFollower(const CoreState& state) {
  std::optional<NodeId> best;
  Index best_match;
  for (const auto& [id, peer] : state.leader()->peers) {
    if (!state.config().IsIncomingVoter(id) || peer.refuses_acknowledged()) continue;
    if (best && peer.match() <= best_match) continue;
    best = id;
    best_match = peer.match();
  }
  return best;
}

}  // namespace

absl::Status ProposeMembership(CoreState& state, ProposalId id, const MembershipChange& change,
                               ClusterTime now) {
  CAIRN_RETURN_IF_ERROR(MayChange(state));
  CAIRN_ASSIGN_OR_RETURN(MemberConfig next, ApplyChange(state.config(), change));
  AppendConfig(state, id, {.config = std::move(next), .context = change.context}, now);
  // A smaller quorum may already hold what waited for the larger one (R71).
  AdvanceCommit(state);
  return absl::OkStatus();
}

void SettleMembership(CoreState& state) {
  if (state.configs.last_changed() > state.log.commit()) return;
  if (state.config().joint()) {
    CAIRN_PROBE("left_joint_config");
    return AppendConfig(state, {}, {.config = LeaveJoint(state.config()), .context = {}}, state.time);
  }
  if (state.config().IsVoter(state.self())) return;
  CAIRN_PROBE("leader_removed_itself");
  // The followers hear of the commit first, so that the successor does not have to find it out.
  SendAppends(state);
  if (const auto successor = BestFollower(state)) state.outbox.SendNow(*successor, state.term, TimeoutNow{});
  BecomeFollower(state, state.term, std::nullopt);
}

}  // namespace cairn::raft
