#include "raft/core/reads.h"

#include "raft/base/assert.h"
#include "raft/core/quorum.h"
#include "raft/core/replication.h"

namespace cairn::raft {
namespace {

void Answer(CoreState& state, const PendingRead& read, bool confirmed, Index index) {
  if (!read.from) {
    return state.outbox.AnswerRead({.token = read.token, .confirmed = confirmed, .index = index});
  }
  state.outbox.SendNow(*read.from, state.term,
                       ReadIndexReply{.token = read.token, .confirmed = confirmed, .index = index});
}

void TakeRead(CoreState& state, Leader& leader, const PendingRead& read) {
  if (!leader.reads.Add(read)) return Answer(state, read, false, {});
  leader.flush_due = true;
}

}  // namespace

void AskForReadIndex(CoreState& state, ReadToken token) {
  const PendingRead read{.from = std::nullopt, .token = token};
  if (Leader* leader = state.leader()) return TakeRead(state, *leader, read);
  if (!state.known_leader() || !state.forwarded_reads.Add(token)) Answer(state, read, false, {});
}

void HandleReadIndexRequest(CoreState& state, NodeId from, const ReadIndexRequest& request) {
  const PendingRead read{.from = from, .token = request.token};
  if (Leader* leader = state.leader()) return TakeRead(state, *leader, read);
  Answer(state, read, false, {});
}

void HandleReadIndexReply(CoreState& state, const ReadIndexReply& reply) {
  for (const ReadToken token : state.forwarded_reads.Finish(reply.token)) {
    Answer(state, {.from = std::nullopt, .token = token}, reply.confirmed, reply.index);
  }
}

void FailReads(CoreState& state) {
  if (Leader* leader = state.leader()) {
    for (const PendingRead& read : leader->reads.TakeAll()) Answer(state, read, false, {});
  }
  for (const ReadToken token : state.forwarded_reads.TakeAll()) {
    Answer(state, {.from = std::nullopt, .token = token}, false, {});
  }
}

void StartReadRound(CoreState& state) {
  if (Leader* leader = state.leader()) {
    // Until an entry of our own term is committed we do not know what earlier leaders have committed (R89).
    if (!HasCommittedInOwnTerm(state) || !leader->reads.StartRound(state.log.commit())) return;
    SendHeartbeats(state, HeartbeatScope::kVoters);
    return ConfirmReads(state);  // A single voter confirms itself (R92).
  }
  if (!state.known_leader()) return;
  if (const auto batch = state.forwarded_reads.StartBatch()) {
    state.outbox.SendNow(*state.known_leader(), state.term, ReadIndexRequest{.token = *batch});
  }
}

void ConfirmReads(CoreState& state) {
  Leader& leader = *state.leader();
  if (!leader.reads.round_under_way()) return;
  const std::uint64_t round = QuorumReached(state.config(), [&](NodeId id) {
    return (id == state.self() ? leader.reads.round() : leader.peers.at(id).confirmed_round).value();
  });
  const ReadQueue::Confirmed confirmed = leader.reads.Confirm(ReadRound{round});
  for (const PendingRead& read : confirmed.reads) Answer(state, read, true, confirmed.index);
  if (leader.reads.waiting()) leader.flush_due = true;
}

void RepeatForwardedReads(CoreState& state) {
  const auto batch = state.forwarded_reads.Tick(state.options.heartbeat_ticks);
  if (!batch) return;
  CAIRN_ASSERT(state.known_leader().has_value(), "forwarded reads without a leader: term={}", state.term);
  state.outbox.SendNow(*state.known_leader(), state.term, ReadIndexRequest{.token = *batch});
}

}  // namespace cairn::raft
