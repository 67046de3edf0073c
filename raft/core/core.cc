#include "raft/core/core.h"

#include <algorithm>
#include <utility>

#include "raft/base/assert.h"
#include "raft/core/append_handler.h"
#include "raft/core/core_state.h"
#include "raft/core/election.h"
#include "raft/core/install.h"
#include "raft/core/membership.h"
#include "raft/core/reads.h"
#include "raft/core/replication.h"
#include "raft/core/transfer.h"
#include "raft/core/well_formed.h"

namespace cairn::raft {
namespace {

// What a message is, apart from its term.
template <typename Body>
constexpr bool kOnlyFromLeader =
    std::is_same_v<Body, AppendRequest> || std::is_same_v<Body, HeartbeatRequest> ||
    std::is_same_v<Body, InstallSnapshot> || std::is_same_v<Body, TimeoutNow>;

void Handle(CoreState& state, NodeId from, AppendRequest&& request) {
  HandleAppendRequest(state, from, std::move(request));
}
void Handle(CoreState& state, NodeId from, HeartbeatRequest&& request) {
  HandleHeartbeatRequest(state, from, request);
}
void Handle(CoreState& state, NodeId from, InstallSnapshot&& request) {
  HandleInstallSnapshot(state, from, request);
}
void Handle(CoreState& state, NodeId, TimeoutNow&&) { HandleTimeoutNow(state); }
void Handle(CoreState& state, NodeId from, AppendReply&& reply) { HandleAppendReply(state, from, reply); }
void Handle(CoreState& state, NodeId from, HeartbeatReply&& reply) {
  HandleHeartbeatReply(state, from, reply);
}
void Handle(CoreState& state, NodeId from, ReadIndexRequest&& request) {
  HandleReadIndexRequest(state, from, request);
}
void Handle(CoreState& state, NodeId, ReadIndexReply&& reply) { HandleReadIndexReply(state, reply); }

// A message of an earlier term changes nothing here; but whoever waits for an answer gets one, so that it
// learns our term (Raft §5.1). Without it a leader could never reach a node whose term has run ahead of all
// others that hear it not (R22, R24).
template <typename Body>
void AnswerLowerTerm(CoreState& state, NodeId from, const Body& body) {
  if constexpr (kOnlyFromLeader<Body>) {
    AnswerOldTerm(state, from);
  } else if constexpr (std::is_same_v<Body, ReadIndexRequest>) {
    state.outbox.SendNow(from, state.term,
                         ReadIndexReply{.token = body.token, .confirmed = false, .index = {}});
  }
}

template <typename Body>
void StepInTerm(CoreState& state, NodeId from, Term term, Body&& body) {
  constexpr bool kFromLeader = kOnlyFromLeader<std::decay_t<Body>>;
  if (term < state.term) return AnswerLowerTerm(state, from, body);
  if (term > state.term) {
    // Raft §5.1: any role that hears of a later term follows in it, without a vote (R05).
    BecomeFollower(state, term, kFromLeader ? std::optional(from) : std::nullopt);
  } else if constexpr (kFromLeader) {
    if (!HearFromLeader(state, from)) return;
  }
  Handle(state, from, std::forward<Body>(body));
}

// Asking for votes has rules of its own about whose term counts.
void StepInTerm(CoreState& state, NodeId from, Term term, VoteRequest&& request) {
  HandleVoteRequest(state, from, term, request);
}
void StepInTerm(CoreState& state, NodeId from, Term term, VoteReply&& reply) {
  HandleVoteReply(state, from, term, reply);
}

HardState HardStateOf(const CoreState& state) { return {.term = state.term, .vote = state.vote}; }

bool HasUnwritten(const CoreState& state) {
  return HardStateOf(state) != state.written_hard_state ||
         state.log.first_unwritten() <= state.log.last().index;
}

// While a snapshot is being installed the state machine is not ours to feed.
bool HasCommittedToHandOut(const CoreState& state) {
  return !state.installing && state.handed_out < state.log.commit();
}

void TakeWrites(CoreState& state, Output& output) {
  if (!HasUnwritten(state)) return;
  if (HardStateOf(state) != state.written_hard_state) {
    state.written_hard_state = HardStateOf(state);
    output.hard_state = state.written_hard_state;
  }
  const std::span<const Entry> entries = state.log.TakeUnwritten();
  output.entries.assign(entries.begin(), entries.end());
  output.write = state.writes.Begin(state.log.last().index);
}

void TakeCommitted(CoreState& state, Output& output) {
  if (!HasCommittedToHandOut(state)) return;
  const std::size_t count = state.log.commit().value() - state.handed_out.value();
  const auto page = state.log.From(Next(state.handed_out), count, state.options.max_committed_bytes);
  output.committed.assign(page.begin(), page.end());
  state.handed_out = page.back().id.index;
}

}  // namespace

Core::Core(const CoreOptions& options, RestoredState restored)
    : state_(std::make_unique<CoreState>(options, std::move(restored))) {}

Core::~Core() = default;

void Core::Step(NodeId from, Message message) {
  if (!IsWellFormed(state_->self(), from, message)) return;
  std::visit([&](auto& body) { StepInTerm(*state_, from, message.term, std::move(body)); }, message.body);
}

void Core::Tick() {
  if (state_->leader() != nullptr) {
    TickLeader(*state_);
  } else {
    TickElection(*state_);
  }
}

ProposeResult Core::Propose(std::span<Proposal> proposals, ClusterTime now) {
  return ProposeEntries(*state_, proposals, now);
}

void Core::ReadIndex(ReadToken token) { AskForReadIndex(*state_, token); }

absl::Status Core::ChangeMembership(ProposalId id, const MembershipChange& change, ClusterTime now) {
  return ProposeMembership(*state_, id, change, now);
}

absl::Status Core::TransferLeadership(NodeId to) { return StartTransfer(*state_, to); }

void Core::LogPersisted(WriteNumber write) {
  state_->writes.Persisted(write);
  CountStoredSelfVote(*state_, write);
  if (state_->leader() != nullptr) AdvanceCommit(*state_);
}

void Core::Applied(Index index) {
  CAIRN_ASSERT(index <= state_->handed_out, "index={} handed_out={}", index, state_->handed_out);
  state_->applied = std::max(state_->applied, index);
}

void Core::SnapshotInstalled(Index index) { FinishInstall(*state_, index); }

void Core::SnapshotSent(NodeId to, std::optional<Index> index) { HandleSnapshotSent(*state_, to, index); }

void Core::PeerUnreachable(NodeId peer) {
  Leader* leader = state_->leader();
  if (leader == nullptr) return;
  const auto progress = leader->peers.find(peer);
  if (progress != leader->peers.end()) progress->second.OnUnreachable();
}

void Core::StreamBroken(NodeId peer) { HandleBrokenStream(*state_, peer); }

void Core::CompactLog(Index index) {
  CAIRN_ASSERT(index <= state_->applied, "index={} applied={}", index, state_->applied);
  if (index <= state_->log.base().index) return;
  state_->log.CompactTo(index);
  state_->configs.CompactTo(index);
}

void Core::ForgetLeader() { raft::ForgetLeader(*state_); }

void Core::StorageStalled() {
  state_->storage_stalled = true;
  // A pre-candidate gives up as well: what it would win is an election that needs the disk.
  if (state_->follower() == nullptr) BecomeFollower(*state_, state_->term, std::nullopt);
}

void Core::StorageAnswers() { state_->storage_stalled = false; }

Output Core::TakeOutput() {
  CoreState& state = *state_;
  if (Leader* leader = state.leader(); leader != nullptr && leader->flush_due) {
    leader->flush_due = false;
    SendAppends(state);
  }
  StartReadRound(state);
  Output output;
  state.outbox.DrainTo(output);
  TakeWrites(state, output);
  TakeCommitted(state, output);
  if (state.writes.idle()) {
    // Nothing is being written, so there is nothing to wait for.
    std::move(output.send_after_sync.begin(), output.send_after_sync.end(),
              std::back_inserter(output.send_now));
    output.send_after_sync.clear();
  }
  if (!output.send_after_sync.empty()) output.sync_point = state.writes.last_begun();
  return output;
}

bool Core::HasOutput() const {
  const Leader* leader = state_->leader();
  if (leader != nullptr && leader->flush_due) return true;
  return !state_->outbox.empty() || HasUnwritten(*state_) || HasCommittedToHandOut(*state_) ||
         state_->forwarded_reads.can_start();
}

CoreStatus Core::status() const {
  const CoreState& state = *state_;
  CoreStatus status{.role = static_cast<RoleName>(state.role.index()),
                    .term = state.term,
                    .leader = state.known_leader(),
                    .commit = state.log.commit(),
                    .applied = state.applied,
                    .last = state.log.last(),
                    .first_kept = state.log.base(),
                    .time = state.time,
                    .config = state.config(),
                    .peers = {},
                    .transferring_to = {}};
  if (const Leader* leader = state.leader()) {
    for (const auto& [id, peer] : leader->peers) {
      status.peers.push_back({.id = id,
                              .state = static_cast<PeerStatus::State>(peer.state()),
                              .match = peer.match(),
                              .next = peer.next(),
                              .recently_active = peer.recently_active || peer.active_before,
                              .refuses_acknowledged = peer.refuses_acknowledged()});
    }
    if (leader->transfer) status.transferring_to = leader->transfer->to;
  }
  return status;
}

bool Core::is_leader() const { return state_->leader() != nullptr; }

std::optional<NodeId> Core::leader() const { return state_->known_leader(); }

Term Core::term() const { return state_->term; }

const CoreState& Inspect(const Core& core) { return *core.state_; }

}  // namespace cairn::raft
