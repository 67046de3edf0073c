#include "raft/core/transfer.h"

#include <fmt/format.h>

#include "raft/core/election.h"
#include "raft/core/message.h"

namespace cairn::raft {

absl::Status StartTransfer(CoreState& state, NodeId to) {
  Leader* leader = state.leader();
  if (leader == nullptr) return absl::FailedPreconditionError("this member does not lead");
  if (to == state.self()) return absl::OkStatus();
  // One that only votes in the outgoing half would have to step down as soon as that half is gone (R78).
  if (!state.config().IsIncomingVoter(to)) {
    return absl::InvalidArgumentError(fmt::format("member {} is not a voter that stays; it cannot lead", to));
  }
  if (leader->transfer && leader->transfer->to == to) return absl::OkStatus();
  leader->transfer = Transfer{.to = to};
  // An up-to-date target is told at once; another one first gets what it lacks (R97).
  ContinueTransfer(state, to);
  return absl::OkStatus();
}

void ContinueTransfer(CoreState& state, NodeId peer) {
  Leader* leader = state.leader();
  if (leader == nullptr || !leader->transfer || leader->transfer->to != peer) return;
  if (leader->peers.at(peer).match() != state.log.last().index) return;
  state.outbox.SendNow(peer, state.term, TimeoutNow{});
}

void HandleTimeoutNow(CoreState& state) {
  if (state.leader() != nullptr || std::holds_alternative<Candidate>(state.role)) return;
  Campaign(state, CampaignReason::kTransfer);
}

}  // namespace cairn::raft
