#include "raft/core/election.h"

#include <utility>

#include "raft/base/assert.h"
#include "raft/base/probe.h"
#include "raft/core/quorum.h"
#include "raft/core/reads.h"
#include "raft/core/replication.h"

namespace cairn::raft {
namespace {

// A learner, a node outside its configuration, one whose log is about to be replaced, and one whose disk
// hangs must not lead (R13, R16, R27). But until the entry that demotes or removes a voter is known to be
// committed, that voter still campaigns (thesis 4.2.2, Figure 4.6): it may be the only one whose log the
// others can vote for. Its own vote does not count then, and once the entry is committed it steps down.
bool MayCampaign(const CoreState& state) {
  if (state.installing || state.storage_stalled) return false;
  return state.config().IsVoter(state.self()) || state.configs.At(state.log.commit()).IsVoter(state.self());
}

// Everybody whose vote counts but ourselves.
template <typename Send>
void ForEachOtherVoter(const CoreState& state, Send send) {
  for (const NodeId id : state.config().All()) {
    if (id != state.self() && state.config().IsVoter(id)) send(id);
  }
}

// With check-quorum a node that heard from a living leader within T does not help to replace it, whatever the
// term of the request (thesis 4.2.3): a removed or returning node cannot disturb a working cluster.
bool TrustsLeader(const CoreState& state, const VoteRequest& request) {
  if (!state.options.check_quorum || request.leadership_transfer) return false;
  if (state.leader() != nullptr) return true;
  const Follower* follower = state.follower();
  if (follower == nullptr || !follower->leader || !state.timer.within_minimum()) return false;
  // We saw what the sender saw: the leader's process refuses connections. Its last heartbeat proves nothing.
  // The election that follows such a pre-vote needs the same of us.
  if (follower->leader_stream_broken && (request.broken_stream || !request.pre_vote)) {
    CAIRN_PROBE("broken_stream_voter_agrees");
    return false;
  }
  return true;
}

// Two pre-candidates with equal logs would both win and then split the vote: the higher id gives way (R20).
bool GivesWayTo(const CoreState& state, NodeId other, const EntryId& other_last) {
  if (!std::holds_alternative<PreCandidate>(state.role)) return false;
  return other_last != state.log.last() || other < state.self();
}

void BecomeLeader(CoreState& state) {
  CAIRN_ASSERT(state.vote == state.self(), "term={}", state.term);
  Leader leader(state.options.max_pending_reads);
  for (Index index = Next(state.log.commit()); index <= state.log.last().index; index = Next(index)) {
    leader.uncommitted_bytes += state.log.At(index).payload.size();
  }
  state.role = std::move(leader);
  SyncPeersWithConfig(state);
  // Entries of earlier terms commit only below one of our own (Raft §5.4.2), so there has to be one.
  AppendAsLeader(state, EntryKind::kEmpty, {}, {}, state.time);
  AdvanceCommit(state);
}

void StartElection(CoreState& state, CampaignReason reason) {
  BecomeFollower(state, Next(state.term), std::nullopt);
  state.vote = state.self();
  state.timer.Redraw(state.rng);
  state.role = Candidate{.votes = {}, .self_vote = state.writes.next()};
  // Requests wait for the disk like our own vote: if this node lost power and asked again in the same term,
  // with a shorter log, answers to the first request would elect the second.
  const VoteRequest request{.pre_vote = false,
                            .last_log = state.log.last(),
                            .leadership_transfer = reason == CampaignReason::kTransfer};
  ForEachOtherVoter(state, [&](NodeId id) { state.outbox.SendAfterSync(id, state.term, request); });
}

void StartPreVote(CoreState& state, CampaignReason reason) {
  BecomeFollower(state, state.term, std::nullopt);
  state.timer.Redraw(state.rng);
  state.role = PreCandidate{.votes = {{state.self(), true}}};
  const VoteRequest request{.pre_vote = true,
                            .last_log = state.log.last(),
                            .broken_stream = reason == CampaignReason::kBrokenStream};
  // Asks about the next term without entering it: a node that cannot win must not raise anybody's term.
  ForEachOtherVoter(state, [&](NodeId id) { state.outbox.SendNow(id, Next(state.term), request); });
}

void SettlePreVote(CoreState& state) {
  const auto& votes = std::get<PreCandidate>(state.role).votes;
  switch (CountVotes(state.config(), votes)) {
    case VoteOutcome::kPending:
      return;
    case VoteOutcome::kWon:
      return StartElection(state, CampaignReason::kTimeout);
    case VoteOutcome::kLost:
      return BecomeFollower(state, state.term, std::nullopt);
  }
}

void SettleElection(CoreState& state) {
  const auto& votes = std::get<Candidate>(state.role).votes;
  switch (CountVotes(state.config(), votes)) {
    case VoteOutcome::kPending:
      return;
    case VoteOutcome::kWon:
      return BecomeLeader(state);
    case VoteOutcome::kLost:
      return BecomeFollower(state, state.term, std::nullopt);
  }
}

void RefuseVote(CoreState& state, NodeId to, bool pre_vote) {
  state.outbox.SendNow(to, state.term, VoteReply{.pre_vote = pre_vote, .granted = false});
}

void HandlePreVoteReply(CoreState& state, NodeId from, Term term, bool granted) {
  if (!granted && term > state.term) return BecomeFollower(state, term, std::nullopt);
  auto* candidate = std::get_if<PreCandidate>(&state.role);
  // Granted replies carry the term asked for, refusals the voter's own.
  if (candidate == nullptr || term != (granted ? Next(state.term) : state.term)) return;
  candidate->votes.emplace(from, granted);
  SettlePreVote(state);
}

}  // namespace

void BecomeFollower(CoreState& state, Term term, std::optional<NodeId> leader) {
  CAIRN_ASSERT(term >= state.term, "term={} own={}", term, state.term);
  CAIRN_ASSERT(leader != state.self(), "term={}", term);
  FailReads(state);
  if (term > state.term) {
    state.term = term;
    state.vote.reset();
  }
  // A leader's own timer stood still; the others keep what they have waited so far.
  if (state.leader() != nullptr || leader) state.timer.Redraw(state.rng);
  state.role = Follower{.leader = leader};
}

bool HearFromLeader(CoreState& state, NodeId from) {
  if (state.leader() != nullptr) return false;
  Follower* follower = state.follower();
  if (follower == nullptr || !follower->leader) {
    BecomeFollower(state, state.term, from);
    return true;
  }
  if (follower->leader != from) return false;
  state.timer.Restart();
  follower->leader_stream_broken = false;
  follower->hint_countdown.reset();
  return true;
}

void Campaign(CoreState& state, CampaignReason reason) {
  CAIRN_ASSERT(state.leader() == nullptr, "term={}", state.term);
  if (!MayCampaign(state)) return;
  if (!state.options.pre_vote || reason == CampaignReason::kTransfer) return StartElection(state, reason);
  StartPreVote(state, reason);
  SettlePreVote(state);  // A single voter needs nobody's answer (R02).
}

void HandleVoteRequest(CoreState& state, NodeId from, Term term, const VoteRequest& request) {
  // A pre-vote for our own term or less comes from a node that is behind: it learns our term.
  if (term < state.term || (request.pre_vote && term == state.term)) {
    return RefuseVote(state, from, request.pre_vote);
  }
  if (term > state.term) {
    if (TrustsLeader(state, request)) return RefuseVote(state, from, request.pre_vote);
    if (!request.pre_vote) BecomeFollower(state, term, std::nullopt);
  }
  // The vote itself would wait for the disk, and the term would have been raised for nothing (R27).
  if (request.pre_vote && state.storage_stalled) return RefuseVote(state, from, request.pre_vote);
  const bool free = request.pre_vote || state.vote == from || (!state.vote && !state.known_leader());
  // Raft §5.4.1: whoever misses an entry that may be committed is refused by some member of each majority.
  if (!free || !AtLeastAsUpToDate(request.last_log, state.log.last())) {
    return RefuseVote(state, from, request.pre_vote);
  }
  const VoteReply granted{.pre_vote = request.pre_vote, .granted = true};
  if (request.pre_vote) {
    if (GivesWayTo(state, from, request.last_log)) BecomeFollower(state, state.term, std::nullopt);
    return state.outbox.SendNow(from, term, granted);
  }
  state.vote = from;
  state.timer.Restart();
  // The vote is given when it is on the disk, and so is every entry that the comparison above has seen (R10).
  state.outbox.SendAfterSync(from, state.term, granted);
}

void HandleVoteReply(CoreState& state, NodeId from, Term term, const VoteReply& reply) {
  if (reply.pre_vote) return HandlePreVoteReply(state, from, term, reply.granted);
  if (term > state.term) return BecomeFollower(state, term, std::nullopt);
  auto* candidate = std::get_if<Candidate>(&state.role);
  if (candidate == nullptr || term < state.term) return;
  candidate->votes.emplace(from, reply.granted);
  SettleElection(state);
}

void CountStoredSelfVote(CoreState& state, WriteNumber write) {
  auto* candidate = std::get_if<Candidate>(&state.role);
  if (candidate == nullptr || write < candidate->self_vote) return;
  if (candidate->votes.emplace(state.self(), true).second) SettleElection(state);
}

void TickElection(CoreState& state) {
  Follower* follower = state.follower();
  if (follower != nullptr && follower->hint_countdown && --*follower->hint_countdown <= 0) {
    CAIRN_PROBE("broken_stream_pre_vote");
    state.hinted_in = state.term;
    return Campaign(state, CampaignReason::kBrokenStream);
  }
  RepeatForwardedReads(state);
  if (!state.timer.Tick()) return;
  if (MayCampaign(state)) return Campaign(state, CampaignReason::kTimeout);
  // Cannot replace the silent leader, but need not hope for it either: reads fail instead of hanging.
  BecomeFollower(state, state.term, std::nullopt);
  state.timer.Redraw(state.rng);
}

void HandleBrokenStream(CoreState& state, NodeId peer) {
  Follower* follower = state.follower();
  if (follower == nullptr || follower->leader != peer) return;
  follower->leader_stream_broken = true;
  // Without pre-vote the hint could unseat a healthy leader; so there it only loosens our own refusal.
  if (!state.options.pre_vote || !MayCampaign(state)) return;
  if (state.hinted_in == state.term || follower->hint_countdown) return;
  // A random delay: the others saw the same at the same moment, and one should ask first.
  const auto spread = static_cast<std::uint64_t>(state.options.heartbeat_ticks);
  follower->hint_countdown = static_cast<int>(state.rng.Between(1, spread));
}

void ForgetLeader(CoreState& state) {
  if (state.follower() == nullptr || !state.follower()->leader) return;
  BecomeFollower(state, state.term, std::nullopt);
}

}  // namespace cairn::raft
