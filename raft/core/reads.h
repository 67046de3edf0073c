#pragma once

#include "raft/base/types.h"
#include "raft/core/core_state.h"
#include "raft/core/message.h"

// Linearizable reads without a log entry (thesis 6.4). Every token is answered once, confirmed or not.
namespace cairn::raft {

void AskForReadIndex(CoreState& state, ReadToken token);
void HandleReadIndexRequest(CoreState& state, NodeId from, const ReadIndexRequest& request);
void HandleReadIndexReply(CoreState& state, const ReadIndexReply& reply);

// Answers all reads that the present role took as not confirmed: it ends, or its leader is gone.
void FailReads(CoreState& state);

// Leader: begins the next round if reads wait for one and may have one. Follower: asks the leader.
void StartReadRound(CoreState& state);

// Leader: answers the round under way once a majority has confirmed it.
void ConfirmReads(CoreState& state);

// Follower, once a tick: asks again for a batch whose answer seems lost.
void RepeatForwardedReads(CoreState& state);

}  // namespace cairn::raft
