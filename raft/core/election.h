#pragma once

#include <cstdint>
#include <optional>

#include "raft/base/types.h"
#include "raft/core/core_state.h"
#include "raft/core/message.h"

// How leaders come and go (Raft §5.2; pre-vote and check-quorum of thesis 9.6 and 6.2).
namespace cairn::raft {

enum class CampaignReason : std::uint8_t {
  kTimeout,       // The leader was silent for a timeout.
  kBrokenStream,  // The stream to it broke and was refused: ask early, but only ask (design: the hint).
  kTransfer,      // The leader said so: no pre-vote, and nobody refuses for having a leader.
};

// Follows `leader` (if known) in `term`. Whatever the role before had promised to answer is answered.
// REQUIRES: term >= state.term.
void BecomeFollower(CoreState& state, Term term, std::optional<NodeId> leader);

// A message that only the leader of the current term sends came from `from`. False if that cannot be, and the
// message is to be ignored.
[[nodiscard]] bool HearFromLeader(CoreState& state, NodeId from);

// Asks for votes or pre-votes. Does nothing on a node that must not campaign.
void Campaign(CoreState& state, CampaignReason reason);

void HandleVoteRequest(CoreState& state, NodeId from, Term term, const VoteRequest& request);
void HandleVoteReply(CoreState& state, NodeId from, Term term, const VoteReply& reply);

// Writes up to `write` are durable: perhaps our own vote with them.
void CountStoredSelfVote(CoreState& state, WriteNumber write);

// One tick of a node that does not lead.
void TickElection(CoreState& state);

// The stream to `peer` broke and its one immediate reconnect was refused.
void HandleBrokenStream(CoreState& state, NodeId peer);

void ForgetLeader(CoreState& state);

}  // namespace cairn::raft
