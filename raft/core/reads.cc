#include "raft/core/reads.h"

#include <optional>

#include "raft/base/assert.h"
#include "raft/core/quorum.h"
#include "raft/core/replication.h"

namespace cairn::raft {
namespace {

// `index` is empty if nobody confirmed the read.
void Answer(CoreState& state, const PendingRead& read, std::optional<Index> index) {
  const bool confirmed = index.has_value();
  const Index at = index.value_or(Index{});
  if (!read.from) {
    return state.outbox.AnswerRead({.token = read.token, .confirmed = confirmed, .index = at});
  }
  state.outbox.SendNow(*read.from, state.term,
                       ReadIndexReply{.token = read.token, .confirmed = confirmed, .index = at});
}

void Refuse(CoreState& state, const PendingRead& read) { Answer(state, read, std::nullopt); }

void TakeRead(CoreState& state, Leader& leader, const PendingRead& read) {
  if (!leader.reads.Add(read)) return Refuse(state, read);
  leader.flush_due = true;
}

}  // namespace

void AskForReadIndex(CoreState& state, ReadToken token) {
  const PendingRead read{.from = std::nullopt, .token = token};
  if (Leader* leader = state.leader()) return TakeRead(state, *leader, read);
  if (!state.known_leader() || !state.forwarded_reads.Add(token)) Refuse(state, read);
}

void HandleReadIndexRequest(CoreState& state, NodeId from, const ReadIndexRequest& request) {
  const PendingRead read{.from = from, .token = request.token};
  if (Leader* leader = state.leader()) return TakeRead(state, *leader, read);
  Refuse(state, read);
}

void HandleReadIndexReply(CoreState& state, const ReadIndexReply& reply) {
  for (const ReadToken token : state.forwarded_reads.Finish(reply.token)) {
    Answer(state, {.from = std::nullopt, .token = token},
           reply.confirmed ? std::optional(reply.index) : std::nullopt);
  }
}

void FailReads(CoreState& state) {
  if (Leader* leader = state.leader()) {
    for (const PendingRead& read : leader->reads.TakeAll()) Refuse(state, read);
  }
  for (const ReadToken token : state.forwarded_reads.TakeAll()) {
    Refuse(state, {.from = std::nullopt, .token = token});
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
  for (const PendingRead& read : confirmed.reads) Answer(state, read, confirmed.index);
  if (leader.reads.waiting()) leader.flush_due = true;
}

void RepeatForwardedReads(CoreState& state) {
  const auto batch = state.forwarded_reads.Tick(state.options.heartbeat_ticks);
  if (!batch) return;
  CAIRN_ASSERT(state.known_leader().has_value(), "forwarded reads without a leader: term={}", state.term);
  state.outbox.SendNow(*state.known_leader(), state.term, ReadIndexRequest{.token = *batch});
}

}  // namespace cairn::raft
