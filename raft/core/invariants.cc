#include "raft/core/invariants.h"

#include <algorithm>
#include <variant>

#include "raft/base/assert.h"
#include "raft/base/checksum.h"
#include "raft/core/core_state.h"
#include "raft/core/replication.h"

namespace cairn::raft {
namespace {

// How far back a check that would cost the whole log looks.
constexpr std::uint64_t kTail = 32;

Index TailStart(const LogView& log) {
  const std::uint64_t last = log.last().index.value();
  return Index{std::max(log.base().index.value(), last > kTail ? last - kTail : 0)};
}

void CheckLog(const CoreState& state) {
  const LogView& log = state.log;
  // A member's term is never behind what it has in its log: the entries came with it.
  CAIRN_ASSERT(log.last().term <= state.term, "last={} term={}", log.last().term, state.term);
  CAIRN_ASSERT(log.base().index <= state.applied, "base={} applied={}", log.base().index, state.applied);
  CAIRN_ASSERT(state.applied <= state.handed_out, "applied={} handed_out={}", state.applied,
               state.handed_out);
  CAIRN_ASSERT(state.handed_out <= log.commit(), "handed_out={} commit={}", state.handed_out, log.commit());
  CAIRN_ASSERT(log.commit() <= log.last().index, "commit={} last={}", log.commit(), log.last().index);
  // Nothing can be durable that the disk was not asked to write.
  CAIRN_ASSERT(state.writes.durable() < log.first_unwritten(), "durable={} first_unwritten={}",
               state.writes.durable(), log.first_unwritten());
  // Cluster time contains every entry's time, or the next entry's could fall.
  CAIRN_ASSERT(state.time >= log.last_time(), "time={} last={}", state.time, log.last_time());
  for (Index index = Next(Next(TailStart(log))); index <= log.last().index; index = Next(index)) {
    const Entry& before = log.At(Previous(index));
    const Entry& entry = log.At(index);
    CAIRN_ASSERT(before.id.term <= entry.id.term, "index={}", index);
    CAIRN_ASSERT(before.time <= entry.time, "index={} {} {}", index, before.time, entry.time);
  }
}

void CheckConfig(const CoreState& state) {
  // The configuration in force is the last one in the log (thesis 4.1).
  for (Index index = state.log.last().index; index > TailStart(state.log); index = Previous(index)) {
    const Entry& entry = state.log.At(index);
    if (entry.kind != EntryKind::kMembership) continue;
    CAIRN_ASSERT(state.configs.last_changed() == index, "last_changed={} last in log={}",
                 state.configs.last_changed(), index);
    const auto membership = DecodeMembership(entry.payload.bytes());
    CAIRN_ASSERT(membership.ok() && membership->config == state.config(), "index={}", index);
    return;
  }
  CAIRN_ASSERT(state.configs.last_changed() <= TailStart(state.log), "last_changed={} not in the log",
               state.configs.last_changed());
}

void CheckLeader(const CoreState& state, const Leader& leader) {
  // Elected by a majority that includes its own stored vote.
  CAIRN_ASSERT(state.vote == state.self(), "term={}", state.term);
  CAIRN_ASSERT(!state.installing, "a leader needs nobody's snapshot: term={}", state.term);
  // It has appended in its term from the first moment on.
  CAIRN_ASSERT(state.log.last().term == state.term, "last={} term={}", state.log.last().term, state.term);
  std::size_t others = 0;
  for (const NodeId id : state.config().All()) {
    if (id == state.self()) continue;
    ++others;
    CAIRN_ASSERT(leader.peers.contains(id), "nobody replicates to member {}", id);
  }
  CAIRN_ASSERT(leader.peers.size() == others, "peers={} members={}", leader.peers.size(), others);
  for (const auto& [id, peer] : leader.peers) {
    CAIRN_ASSERT(peer.match() < peer.next(), "peer={} match={} next={}", id, peer.match(), peer.next());
    CAIRN_ASSERT(peer.match() <= state.log.last().index, "peer={} match={}", id, peer.match());
    CAIRN_ASSERT(peer.inflight().empty() || peer.state() == Progress::State::kReplicate, "peer={}", id);
    CAIRN_ASSERT(peer.confirmed_round <= leader.reads.round(), "peer={} round={}", id, peer.confirmed_round);
  }
  std::size_t uncommitted = 0;
  for (Index index = Next(state.log.commit()); index <= state.log.last().index; index = Next(index)) {
    uncommitted += state.log.At(index).payload.size();
  }
  CAIRN_ASSERT(leader.uncommitted_bytes == uncommitted, "counted={} in the log={}", leader.uncommitted_bytes,
               uncommitted);
  // Before it committed in its own term it knows neither what is committed nor who is a member (R34, R75).
  if (!HasCommittedInOwnTerm(state)) {
    CAIRN_ASSERT(!leader.reads.round_under_way(), "commit={} term={}", state.log.commit(), state.term);
    const Term changed = state.log.TermAt(state.configs.last_changed()).value_or(Term{});
    CAIRN_ASSERT(changed < state.term, "config of term {} in term {}", changed, state.term);
  }
  if (leader.transfer) {
    CAIRN_ASSERT(leader.transfer->to != state.self(), "term={}", state.term);
    CAIRN_ASSERT(state.config().IsVoter(leader.transfer->to), "to={}", leader.transfer->to);
  }
}

void CheckRole(const CoreState& state) {
  if (const Leader* leader = state.leader()) CheckLeader(state, *leader);
  if (const auto* candidate = std::get_if<Candidate>(&state.role)) {
    CAIRN_ASSERT(state.vote == state.self(), "term={}", state.term);
    // Its own vote counts only when stored, and it is stored with the write that was named.
    CAIRN_ASSERT(candidate->self_vote <= state.writes.next(), "self_vote={} next={}", candidate->self_vote,
                 state.writes.next());
  }
  if (const Follower* follower = state.follower()) {
    CAIRN_ASSERT(follower->leader != state.self(), "term={}", state.term);
    if (follower->hint_countdown) CAIRN_ASSERT(follower->leader_stream_broken, "term={}", state.term);
    if (follower->leader_stream_broken) CAIRN_ASSERT(follower->leader.has_value(), "term={}", state.term);
  }
  // A forwarded read without a leader would wait for ever.
  if (!state.known_leader() || state.leader() != nullptr) {
    CAIRN_ASSERT(state.forwarded_reads.under_way().empty() && !state.forwarded_reads.can_start(), "term={}",
                 state.term);
  }
  CAIRN_ASSERT(state.timer.timeout() >= state.options.election_ticks, "timeout={}", state.timer.timeout());
  CAIRN_ASSERT(state.timer.timeout() < 2 * state.options.election_ticks, "timeout={}", state.timer.timeout());
  if (state.installing) {
    // What it would bring must be news, or committed entries would be forgotten.
    CAIRN_ASSERT(state.installing->last.index > state.log.commit(), "snapshot={} commit={}",
                 state.installing->last.index, state.log.commit());
  }
}

bool PromisesStorage(const Message& message) {
  if (const auto* vote = std::get_if<VoteReply>(&message.body)) return vote->granted && !vote->pre_vote;
  if (const auto* request = std::get_if<VoteRequest>(&message.body)) return !request->pre_vote;
  const auto* append = std::get_if<AppendReply>(&message.body);
  return append != nullptr && append->accepted;
}

std::uint64_t ContentOf(const Entry& entry) {
  const std::uint64_t parts[] = {entry.id.term.value(),    entry.id.index.value(), std::uint64_t(entry.kind),
                                 entry.time.value(),       entry.proposal.origin,  entry.proposal.sequence,
                                 entry.payload.checksum(), entry.payload.size()};
  return Checksum({reinterpret_cast<const char*>(parts), sizeof(parts)});
}

}  // namespace

void MemberInvariants::Check(const Core& core) {
  const CoreState& state = Inspect(core);
  CheckLog(state);
  CheckConfig(state);
  CheckRole(state);

  Seen now{.hard_state = {.term = state.term, .vote = state.vote},
           .base = state.log.base().index,
           .commit = state.log.commit(),
           .applied = state.applied,
           .time = state.time,
           .last_as_leader = std::nullopt};
  if (state.leader() != nullptr) now.last_as_leader = state.log.last();
  if (before_) {
    CAIRN_ASSERT(before_->hard_state.term <= state.term, "term falls: {} {}", before_->hard_state.term,
                 state.term);
    // One vote a term (Raft §5.2).
    if (before_->hard_state.term == state.term && before_->hard_state.vote) {
      CAIRN_ASSERT(before_->hard_state.vote == state.vote, "vote changed in term {}", state.term);
    }
    CAIRN_ASSERT(before_->base <= now.base, "base falls: {} {}", before_->base, now.base);
    CAIRN_ASSERT(before_->commit <= now.commit, "commit falls: {} {}", before_->commit, now.commit);
    CAIRN_ASSERT(before_->applied <= now.applied, "applied falls: {} {}", before_->applied, now.applied);
    CAIRN_ASSERT(before_->time <= now.time, "time falls: {} {}", before_->time, now.time);
    // A leader only appends (Raft §5.3).
    if (before_->last_as_leader && now.last_as_leader && before_->hard_state.term == state.term) {
      CAIRN_ASSERT(before_->last_as_leader->index <= now.last_as_leader->index, "a leader cut its log to {}",
                   now.last_as_leader->index);
    }
  }
  before_ = now;
}

void MemberInvariants::CheckOutput(const Core& core, const Output& output) {
  const CoreState& state = Inspect(core);
  CAIRN_ASSERT(output.write.has_value() == (output.hard_state || !output.entries.empty()), "entries={}",
               output.entries.size());
  CAIRN_ASSERT(output.sync_point.has_value() == !output.send_after_sync.empty(), "after_sync={}",
               output.send_after_sync.size());
  if (output.sync_point) {
    CAIRN_ASSERT(*output.sync_point == state.writes.last_begun(), "sync_point={} last={}", *output.sync_point,
                 state.writes.last_begun());
  }
  for (const Envelope& envelope : output.send_now) {
    // A promise about storage leaves at once only if everything is stored (R10, R45).
    if (PromisesStorage(envelope.message)) {
      CAIRN_ASSERT(state.writes.idle(), "to={} term={}", envelope.to, envelope.message.term);
    }
  }
}

void ClusterInvariants::Check(const Core& changed, const Output& output,
                              std::span<const Core* const> members) {
  CheckElectionSafety(changed);
  CheckLogMatching(changed, output);
  CheckStateMachineSafety(changed, output, members);
}

void ClusterInvariants::Restarted(NodeId id) { checked_commit_.erase(id); }

void ClusterInvariants::CheckElectionSafety(const Core& changed) {
  if (!changed.is_leader()) return;
  const NodeId self = Inspect(changed).self();
  const auto [leader, is_new] = leaders_.emplace(changed.term(), self);
  CAIRN_ASSERT(leader->second == self, "two leaders in term {}: {} and {}", changed.term(), leader->second,
               self);
  if (is_new) CheckLeaderCompleteness(changed);
}

void ClusterInvariants::CheckLogMatching(const Core& changed, const Output& output) {
  const LogView& log = Inspect(changed).log;
  for (const Entry& entry : output.entries) {
    const auto previous_term = log.TermAt(Previous(entry.id.index));
    if (!previous_term) continue;
    const Known known{.id = entry.id, .previous_term = *previous_term, .content = ContentOf(entry)};
    const auto [at, is_new] = entries_.emplace(std::pair(entry.id.index, entry.id.term), known);
    if (is_new) continue;
    // Same term and index: same content, and the same before it; by induction the same up to there.
    CAIRN_ASSERT(at->second.content == known.content, "two contents at {} of term {}", entry.id.index,
                 entry.id.term);
    CAIRN_ASSERT(at->second.previous_term == known.previous_term, "two pasts before {} of term {}",
                 entry.id.index, entry.id.term);
  }
}

void ClusterInvariants::CheckStateMachineSafety(const Core& changed, const Output& output,
                                                std::span<const Core* const> members) {
  const CoreState& state = Inspect(changed);
  Index& checked = checked_commit_[state.self()];
  checked = std::max(checked, state.log.base().index);
  CAIRN_ASSERT(checked <= committed(), "a snapshot of entries {} that nobody committed ({})", checked,
               committed());
  bool grew = false;
  for (; checked < state.log.commit(); checked = Next(checked)) {
    const Index index = Next(checked);
    const Entry& entry = state.log.At(index);
    if (index > committed()) {
      const Term previous = state.log.TermAt(Previous(index)).value_or(Term{});
      committed_.push_back({.id = entry.id,
                            .previous_term = previous,
                            .content = ContentOf(entry),
                            .committed_in = state.term});
      grew = true;
      continue;
    }
    const Known& known = committed_[index.value() - 1];
    CAIRN_ASSERT(known.id == entry.id, "node {} commits term {} at {}, another one committed term {}",
                 state.self(), entry.id.term, index, known.id.term);
    CAIRN_ASSERT(known.content == ContentOf(entry), "node {} at {}", state.self(), index);
  }
  // What is applied is what is committed, in order.
  for (const Entry& entry : output.committed) {
    CAIRN_ASSERT(entry.id == CommittedId(entry.id.index), "node {} applies term {} at {}", state.self(),
                 entry.id.term, entry.id.index);
  }
  if (!grew) return;
  // Committed by a leader that is not the newest: then the newer ones must have it already.
  for (const Core* member : members) {
    if (member->is_leader()) CheckLeaderCompleteness(*member);
  }
}

void ClusterInvariants::CheckLeaderCompleteness(const Core& leader) const {
  const LogView& log = Inspect(leader).log;
  for (Index index = std::max(log.base().index, Index{1}); index <= committed(); index = Next(index)) {
    // A leader of an earlier term, elected late, need not know what a later one has committed.
    if (committed_[index.value() - 1].committed_in >= leader.term()) continue;
    CAIRN_ASSERT(log.Matches(CommittedId(index)), "leader {} of term {} lacks committed entry {} of term {}",
                 Inspect(leader).self(), leader.term(), index, CommittedId(index).term);
  }
}

}  // namespace cairn::raft
