#include "raft/core/replication.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "raft/base/assert.h"
#include "raft/base/probe.h"
#include "raft/core/election.h"
#include "raft/core/membership.h"
#include "raft/core/quorum.h"
#include "raft/core/reads.h"
#include "raft/core/transfer.h"

namespace cairn::raft {
namespace {

Index QuorumMatch(const CoreState& state) {
  const Leader& leader = *state.leader();
  return Index{QuorumReached(state.config(), [&](NodeId id) {
    // We count ourselves like anybody else: by what is on the disk (thesis 10.2.1). A leader outside the
    // configuration is not asked at all.
    return (id == state.self() ? state.writes.durable() : leader.peers.at(id).match()).value();
  })};
}

void SendAppendsTo(CoreState& state, NodeId to, Progress& peer) {
  const LogView& log = state.log;
  while (peer.CanSend()) {
    const bool behind = peer.next() <= log.last().index;
    if (!behind && !peer.WantsEmpty(log.commit())) return;
    const Index previous = Previous(peer.next());
    const std::optional<Term> previous_term = log.TermAt(previous);
    if (!previous_term) {
      CAIRN_PROBE("peer_needs_snapshot");
      peer.OnSnapshotNeeded();
      return state.outbox.AskForSnapshot(to);
    }
    std::span<const Entry> entries;
    if (behind) {
      entries = log.From(peer.next(), state.options.max_append_entries, state.options.max_append_bytes);
    }
    std::size_t bytes = 0;
    for (const Entry& entry : entries) bytes += entry.payload.size();
    state.outbox.SendNow(to, state.term,
                         AppendRequest{.previous = {.term = *previous_term, .index = previous},
                                       .entries = {entries.begin(), entries.end()},
                                       .commit = log.commit(),
                                       .time = state.time});
    peer.OnSent(entries.size(), bytes, log.commit());
  }
}

// Where our log and the peer's can agree at best, given the last entry that the peer offers (R30).
Index AgreementPoint(const LogView& log, const EntryId& hint) {
  // Below our base we know no terms; only a snapshot helps, and its search begins here.
  if (hint.index < log.base().index) return hint.index;
  return log.LastAtOrBelow(hint.index, hint.term).index;
}

void CheckQuorum(CoreState& state) {
  Leader& leader = *state.leader();
  const bool heard_majority = QuorumAgrees(
      state.config(), [&](NodeId id) { return id == state.self() || leader.peers.at(id).recently_active; });
  if (state.options.check_quorum && !heard_majority) {
    CAIRN_PROBE("check_quorum_stepped_down");
    return BecomeFollower(state, state.term, std::nullopt);
  }
  for (auto& [id, peer] : leader.peers) {
    // A snapshot whose receiver fell silent has failed, even if nobody says so (R62).
    if (!peer.recently_active) peer.OnSnapshotFailed();
    peer.active_before = std::exchange(peer.recently_active, false);
  }
}

}  // namespace

ProposeResult ProposeEntries(CoreState& state, std::span<Proposal> proposals, ClusterTime now) {
  ProposeResult result;
  Leader* leader = state.leader();
  if (leader == nullptr) {
    result.refusal = ProposeRefusal::kNotLeader;
    return result;
  }
  if (leader->transfer) {
    // What is accepted now would only delay the hand-over (thesis 3.10).
    result.refusal = ProposeRefusal::kTransferring;
    return result;
  }
  for (Proposal& proposal : proposals) {
    const std::size_t bytes = proposal.payload.size();
    // A single one always fits; empty ones cost nothing (R39).
    if (bytes > 0 && leader->uncommitted_bytes > 0 &&
        leader->uncommitted_bytes + bytes > state.options.max_uncommitted_bytes) {
      result.refusal = ProposeRefusal::kOverloaded;
      break;
    }
    AppendAsLeader(state, EntryKind::kCommand, proposal.id, std::move(proposal.payload), now);
    ++result.accepted;
  }
  return result;
}

void AppendAsLeader(CoreState& state, EntryKind kind, ProposalId id, Payload payload, ClusterTime now) {
  Leader& leader = *state.leader();
  leader.uncommitted_bytes += payload.size();
  leader.flush_due = true;
  state.AppendEntry({.id = {.term = state.term, .index = Next(state.log.last().index)},
                     .kind = kind,
                     .time = std::max(now, state.time),
                     .proposal = id,
                     .payload = std::move(payload)});
  if (kind == EntryKind::kMembership) SyncPeersWithConfig(state);
}

void SyncPeersWithConfig(CoreState& state) {
  Leader& leader = *state.leader();
  std::erase_if(leader.peers, [&](const auto& peer) { return !state.config().Contains(peer.first); });
  for (const NodeId id : state.config().All()) {
    if (id == state.self()) continue;
    leader.peers.try_emplace(id, Next(state.log.last().index), state.options);
  }
  if (leader.transfer && !state.config().IsVoter(leader.transfer->to)) leader.transfer.reset();
  leader.flush_due = true;
}

void AdvanceCommit(CoreState& state) {
  while (Leader* leader = state.leader()) {
    const Index quorum_match = QuorumMatch(state);
    if (quorum_match <= state.log.commit()) return;
    // Raft §5.4.2, Figure 8: entries of earlier terms are never committed by counting replicas. A leader of a
    // later term may still overwrite them; they commit when the first entry of our own term does.
    if (state.log.TermAt(quorum_match) != state.term) return;
    for (Index index = Next(state.log.commit()); index <= quorum_match; index = Next(index)) {
      leader->uncommitted_bytes -= state.log.At(index).payload.size();
    }
    state.log.Commit(quorum_match);
    leader->flush_due = true;
    SettleMembership(state);
  }
}

bool HasCommittedInOwnTerm(const CoreState& state) {
  return state.log.TermAt(state.log.commit()) == state.term;
}

void SendAppends(CoreState& state) {
  for (auto& [id, peer] : state.leader()->peers) SendAppendsTo(state, id, peer);
}

void SendHeartbeats(CoreState& state, HeartbeatScope scope) {
  Leader& leader = *state.leader();
  for (auto& [id, peer] : leader.peers) {
    if (scope == HeartbeatScope::kVoters && !state.config().IsVoter(id)) continue;
    if (scope == HeartbeatScope::kEverybody) peer.OnHeartbeatSent();
    state.outbox.SendNow(
        id, state.term,
        HeartbeatRequest{// What it has not acknowledged it may not have, or have otherwise (R42).
                         .commit = std::min(state.log.commit(), peer.match()),
                         .round = leader.reads.round(),
                         .time = state.time});
  }
}

void HandleAppendReply(CoreState& state, NodeId from, const AppendReply& reply) {
  Leader* leader = state.leader();
  if (leader == nullptr) return;
  const auto peer = leader->peers.find(from);
  // Nobody has what we never sent, nor confirms a round that we did not begin.
  if (peer == leader->peers.end() || reply.match > state.log.last().index) return;
  peer->second.recently_active = true;
  leader->flush_due = true;
  if (!reply.accepted) {
    peer->second.OnRejected(reply.rejected, AgreementPoint(state.log, reply.hint));
    return;
  }
  if (!peer->second.OnAccepted(reply.match, state.log.base().index)) return;
  AdvanceCommit(state);
  ContinueTransfer(state, from);
}

void HandleHeartbeatReply(CoreState& state, NodeId from, const HeartbeatReply& reply) {
  Leader* leader = state.leader();
  if (leader == nullptr) return;
  const auto peer = leader->peers.find(from);
  if (peer == leader->peers.end() || reply.round > leader->reads.round()) return;
  peer->second.recently_active = true;
  peer->second.OnHeartbeatReply(state.log.last().index);
  peer->second.confirmed_round = std::max(peer->second.confirmed_round, reply.round);
  leader->flush_due = true;
  ConfirmReads(state);
  ContinueTransfer(state, from);
}

void TickLeader(CoreState& state) {
  Leader& leader = *state.leader();
  if (leader.transfer && ++leader.transfer->ticks >= state.options.election_ticks) {
    CAIRN_PROBE("transfer_timed_out");
    leader.transfer.reset();
  }
  if (++leader.quorum_ticks >= state.options.election_ticks) {
    leader.quorum_ticks = 0;
    CheckQuorum(state);
    if (state.leader() == nullptr) return;
  }
  if (++leader.heartbeat_ticks < state.options.heartbeat_ticks) return;
  leader.heartbeat_ticks = 0;
  SendHeartbeats(state, HeartbeatScope::kEverybody);
}

}  // namespace cairn::raft
