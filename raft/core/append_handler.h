#pragma once

#include "raft/base/types.h"
#include "raft/core/core_state.h"
#include "raft/core/message.h"

// The follower's side of the log (Raft §5.3). Both REQUIRE that the sender leads the current term and that
// the message is well formed.
namespace cairn::raft {

void HandleAppendRequest(CoreState& state, NodeId from, AppendRequest request);
void HandleHeartbeatRequest(CoreState& state, NodeId from, const HeartbeatRequest& request);

// Tells the leader that everything up to `match` agrees with its log and is (then) durable here.
void AcknowledgeUpTo(CoreState& state, NodeId leader, Index match);

// Tells `to` that its term is over.
void AnswerOldTerm(CoreState& state, NodeId to);

}  // namespace cairn::raft
