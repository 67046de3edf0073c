#pragma once

#include <cstdint>
#include <span>

#include "raft/base/types.h"
#include "raft/core/core.h"
#include "raft/core/core_state.h"
#include "raft/core/message.h"

// The leader's side of the log (Raft §5.3, thesis 10.2): proposals in, appends out, commit.
namespace cairn::raft {

ProposeResult ProposeEntries(CoreState& state, std::span<Proposal> proposals, ClusterTime now);

// One entry at the end of the log, with a time that does not fall. REQUIRES: leader.
void AppendAsLeader(CoreState& state, EntryKind kind, ProposalId id, Payload payload, ClusterTime now);

// Makes the set of peers that of the configuration in force. REQUIRES: leader.
void SyncPeersWithConfig(CoreState& state);

// Commits what a majority has stored, and does what follows from it. REQUIRES: leader; may not lead
// afterwards.
void AdvanceCommit(CoreState& state);

// Whether entries of earlier leaders are known to be committed or gone (Raft §5.4.2, §8).
[[nodiscard]] bool HasCommittedInOwnTerm(const CoreState& state);

// Sends each peer what it lacks and may get now. REQUIRES: leader.
void SendAppends(CoreState& state);

enum class HeartbeatScope : std::uint8_t {
  kEverybody,  // The clock's: an answer may resume what is stuck.
  kVoters,     // A round of reads: an answer only confirms.
};
void SendHeartbeats(CoreState& state, HeartbeatScope scope);

void HandleAppendReply(CoreState& state, NodeId from, const AppendReply& reply);
void HandleHeartbeatReply(CoreState& state, NodeId from, const HeartbeatReply& reply);

// One tick of a leader: heartbeats, the quorum check, the end of a transfer that does not come off.
void TickLeader(CoreState& state);

}  // namespace cairn::raft
