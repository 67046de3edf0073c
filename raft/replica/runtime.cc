#include "raft/replica/runtime.h"

#include <fmt/format.h>

#include <atomic>
#include <utility>

#include "raft/base/assert.h"
#include "raft/base/status.h"
#include "raft/replica/apply_worker.h"
#include "raft/replica/inbox.h"
#include "raft/replica/log_worker.h"
#include "raft/replica/replica.h"
#include "raft/replica/tick_plan.h"

namespace cairn::raft {
namespace {

using Clock = std::chrono::steady_clock;

MonotonicTime ToMonotonic(Clock::time_point time) {
  return MonotonicTime{static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count())};
}

// Peers' messages that wait for the replica's thread; beyond, they are lost as in a network.
constexpr std::size_t kMaxInboxPeerBytes = 256 << 20;

absl::Status Stopped() { return MakeRaftError(RaftError::kStopped, "this member has stopped"); }

absl::Status Overloaded() {
  return MakeRaftError(RaftError::kOverloaded, "too many requests wait for the replica");
}

GroupStatus InitialStatus(const ReplicaOptions& options, const RestoredState& restored) {
  return {.self = options.core.self,
          .cluster = options.cluster,
          .term = restored.hard_state.term,
          .leader = std::nullopt,
          .commit = restored.applied,
          .applied = restored.applied,
          .last = restored.entries.empty() ? restored.base.last.index : restored.entries.back().id.index,
          .config = restored.base.config,
          .pending_proposals = 0,
          .leader_changes = 0,
          .lost_acknowledged = {}};
}

}  // namespace

struct ReplicaRuntime::State {
  State(const ReplicaOptions& replica_options, RestoredState restored_state,
        std::unique_ptr<SegmentedLog> log, StateMachine& state_machine, PeersOf peers_of_members,
        FatalCallback fatal)
      : options(replica_options),
        machine(state_machine),
        on_fatal(std::move(fatal)),
        inbox({.proposal_bytes = options.max_pending_bytes,
               .requests = options.max_pending_proposals,
               .peer_bytes = kMaxInboxPeerBytes}),
        log_worker(std::move(log), metrics),
        apply_worker(machine, metrics),
        published(InitialStatus(options, restored_state)),
        published_term(restored_state.hard_state.term),
        restored(std::move(restored_state)),
        peers_of(std::move(peers_of_members)) {}

  // The replica's thread.
  void Loop();
  void Deliver(Inbox::Batch batch);
  void Deliver(event::LogPersisted& e) { replica->OnLogPersisted(e.number); }
  void Deliver(event::Applied& e) { replica->OnApplied(e.index); }
  void Deliver(event::Installed& e) { replica->OnInstalled(std::move(e.meta)); }
  void Deliver(event::Flushed& e) { replica->OnFlushed(e.flushed); }
  void Deliver(event::PeerMessages& e) { replica->OnPeerMessages(e.from, std::move(e.messages)); }
  void Deliver(event::PeerUnreachable& e) { replica->OnPeerUnreachable(e.peer); }
  void Deliver(event::StreamBroken& e) { replica->OnStreamBroken(e.peer); }
  void Deliver(event::SnapshotSent& e) { replica->OnSnapshotSent(e.to, e.index); }
  void Deliver(event::SnapshotReceived& e) { replica->OnSnapshotReceived(e.from, e.term, std::move(e.sink)); }
  void Deliver(event::Fatal& e) { replica->OnFatal(std::move(e.status)); }
  void Deliver(event::TransferLeadership& e) { replica->TransferLeadership(e.to, std::move(e.done)); }
  void Deliver(event::ChangeMembership& e) {
    replica->ChangeMembership(std::move(e.change), std::move(e.done));
  }
  void Deliver(event::PeersChanged& /*e*/) { replica->PeersChanged(); }
  void Deliver(event::BeginStop& e);
  void Tick();
  // kIfNews: a new term or leader; the rest is as of the last tick.
  enum class Publishing : std::uint8_t { kIfNews, kAlways };
  void Publish(Publishing when);
  void TellFailure();
  [[nodiscard]] bool Finished(Clock::time_point now) const;
  // Answers what a closed inbox still holds.
  void Refuse(Inbox::Batch batch);
  // Any thread. The proposals among `messages` are in no log: their sender may offer them to the next leader,
  // and need not wonder what became of them.
  void RefuseForwards(NodeId from, const std::vector<PeerMessage>& messages);

  const ReplicaOptions options;
  StateMachine& machine;
  FatalCallback on_fatal;  // The replica's thread; empty once called.
  ReplicaMetrics metrics;
  Inbox inbox;
  LogWorker log_worker;
  ApplyWorker apply_worker;

  mutable absl::Mutex mutex;
  GroupStatus published ABSL_GUARDED_BY(mutex);
  // Parts of `published`, for who needs no more.
  std::atomic<Term> published_term;
  std::atomic<bool> published_has_leader{false};

  // Handed to the replica by Start(), which runs before its thread.
  RestoredState restored;
  PeersOf peers_of;

  // The replica's thread alone, from Start() until it is joined.
  std::unique_ptr<Replica> replica;
  ReplicaEvents* events = nullptr;
  std::optional<Clock::time_point> stop_by;
  EntryId reported_flush;
  std::optional<NodeId> published_leader;

  std::thread thread;
  std::atomic<bool> stopped{false};
  std::atomic<PeerPort*> peers{nullptr};  // Null before Start(). For RefuseForwards() only.
};

// ---- The replica's thread ----

void ReplicaRuntime::State::Loop() {
  TickPlan plan(Clock::now(), options.tick);
  while (true) {
    Deliver(inbox.Take(plan.next()));
    const Clock::time_point now = Clock::now();
    const bool tick = plan.TakeDue(now);
    if (tick) Tick();
    replica->Run(ToMonotonic(now));
    Publish(tick ? Publishing::kAlways : Publishing::kIfNews);
    TellFailure();
    if (Finished(now)) break;
  }
  inbox.Close();
  replica->Abandon();
  Refuse(inbox.Take(Clock::now()));
  Publish(Publishing::kAlways);
}

void ReplicaRuntime::State::Deliver(Inbox::Batch batch) {
  for (Event& event : batch.events) {
    std::visit([this](auto& e) { Deliver(e); }, event);
  }
  for (ClientProposal& proposal : batch.proposals) {
    replica->Propose(std::move(proposal.command), std::move(proposal.done));
  }
  for (ReadDone& done : batch.reads) replica->ReadBarrier(std::move(done));
  for (ProposeDone& done : batch.proposals_refused) done(Overloaded());
  for (ReadDone& done : batch.reads_refused) done(Overloaded());
}

void ReplicaRuntime::State::Deliver(event::BeginStop& e) {
  stop_by = e.deadline;
  if (e.hand_over) replica->BeginStop();
}

void ReplicaRuntime::State::Tick() {
  replica->Tick();
  // A flush runs in the background of the store; nobody calls when it is done.
  const EntryId flushed = machine.flushed();
  if (flushed.index > reported_flush.index) {
    reported_flush = flushed;
    replica->OnFlushed(flushed);
  }
}

void ReplicaRuntime::State::Publish(Publishing when) {
  const Core& core = replica->core();
  if (when == Publishing::kIfNews && core.term() == published_term.load(std::memory_order_relaxed) &&
      core.leader() == published_leader)
    return;
  published_term.store(core.term(), std::memory_order_relaxed);
  published_leader = core.leader();
  published_has_leader.store(published_leader.has_value(), std::memory_order_relaxed);
  GroupStatus status = replica->Describe();
  metrics.is_learner.store(status.config.IsLearner(status.self) ? 1 : 0, std::memory_order_relaxed);
  const absl::MutexLock lock(&mutex);
  published = std::move(status);
}

void ReplicaRuntime::State::TellFailure() {
  if (replica->failure().ok() || !on_fatal) return;
  FatalCallback callback = std::exchange(on_fatal, nullptr);
  callback(replica->failure());
}

bool ReplicaRuntime::State::Finished(Clock::time_point now) const {
  return stop_by && (replica->drained() || now >= *stop_by);
}

void ReplicaRuntime::State::Refuse(Inbox::Batch batch) {
  for (ClientProposal& proposal : batch.proposals) proposal.done(Stopped());
  for (ReadDone& done : batch.reads) done(Stopped());
  for (ProposeDone& done : batch.proposals_refused) done(Stopped());
  for (ReadDone& done : batch.reads_refused) done(Stopped());
  for (Event& event : batch.events) {
    if (auto* transfer = std::get_if<event::TransferLeadership>(&event)) transfer->done(Stopped());
    if (auto* change = std::get_if<event::ChangeMembership>(&event)) change->done(Stopped());
    if (auto* peer = std::get_if<event::PeerMessages>(&event)) RefuseForwards(peer->from, peer->messages);
  }
}

void ReplicaRuntime::State::RefuseForwards(NodeId from, const std::vector<PeerMessage>& messages) {
  PeerPort* const to = peers.load();
  if (to == nullptr) return;
  for (const PeerMessage& message : messages) {
    const auto* forwarded = std::get_if<ForwardedProposals>(&message);
    if (forwarded == nullptr) continue;
    ForwardRefused refused{.term = forwarded->term, .proposals = {}, .overloaded = !stopped.load()};
    for (const auto& [id, payload] : forwarded->proposals) refused.proposals.push_back(id);
    to->Send(from, std::move(refused));
  }
  to->Flush();
}

// ---- What others call ----

ReplicaRuntime::ReplicaRuntime(const ReplicaOptions& options, RestoredState restored,
                               std::unique_ptr<SegmentedLog> log, StateMachine& machine, PeersOf peers_of,
                               FatalCallback on_fatal)
    : state_(std::make_unique<State>(options, std::move(restored), std::move(log), machine,
                                     std::move(peers_of), std::move(on_fatal))) {}

ReplicaRuntime::~ReplicaRuntime() { Stop({.hand_over = false, .patience = std::chrono::milliseconds(0)}); }

void ReplicaRuntime::Start(PeerPort& peers) {
  State& state = *state_;
  CAIRN_ASSERT(state.replica == nullptr, "started twice");
  state.peers.store(&peers);
  state.reported_flush = state.machine.flushed();
  state.replica = std::make_unique<Replica>(
      state.options, state.restored,
      Replica::Ports{
          .log = state.log_worker, .apply = state.apply_worker, .peers = peers, .machine = state.machine},
      std::move(state.peers_of), state.metrics);
  state.restored = {};  // The core has the entries now.
  state.log_worker.Start(*this);
  state.apply_worker.Start(*this);
  state.thread = std::thread([&state] { state.Loop(); });
}

void ReplicaRuntime::Stop(StopOptions options) {
  State& state = *state_;
  if (state.stopped.exchange(true)) return;
  if (!state.thread.joinable()) {
    state.inbox.Close();
    state.Refuse(state.inbox.Take(Clock::now()));
    return;
  }
  const auto patience = options.hand_over ? options.patience : std::chrono::milliseconds(0);
  state.inbox.Add(event::BeginStop{.hand_over = options.hand_over, .deadline = Clock::now() + patience});
  state.thread.join();
  // What is committed is applied, what the core asked for is written: both were promised.
  const absl::Status applied = state.apply_worker.Stop();
  const absl::Status written = state.log_worker.Stop();
  // The inbox is closed: what failed only now is told to nobody else.
  const absl::Status& failure = written.ok() ? applied : written;
  if (!failure.ok() && state.on_fatal) std::exchange(state.on_fatal, nullptr)(failure);
}

const ReplicaMetrics& ReplicaRuntime::metrics() const { return state_->metrics; }

void ReplicaRuntime::Propose(Payload command, ProposeDone done) {
  if (!state_->inbox.Propose(command, done)) done(Stopped());
}

void ReplicaRuntime::ReadBarrier(ReadDone done) {
  if (!state_->inbox.Read(done)) done(Stopped());
}

void ReplicaRuntime::PeersChanged() { state_->inbox.Add(event::PeersChanged{}); }

Term ReplicaRuntime::term() const { return state_->published_term.load(std::memory_order_relaxed); }

bool ReplicaRuntime::has_leader() const {
  return state_->published_has_leader.load(std::memory_order_relaxed);
}

GroupStatus ReplicaRuntime::status() const {
  GroupStatus status;
  {
    const absl::MutexLock lock(&state_->mutex);
    status = state_->published;
  }
  const ReplicaMetrics& metrics = state_->metrics;
  status.applied = std::max(status.applied, Index{metrics.proposals_applied.load(std::memory_order_relaxed)});
  status.commit = std::max(
      {status.commit, status.applied, Index{metrics.proposals_committed.load(std::memory_order_relaxed)}});
  return status;
}

void ReplicaRuntime::TransferLeadership(std::optional<NodeId> to,
                                        absl::AnyInvocable<void(absl::Status)> done) {
  Event request = event::TransferLeadership{.to = to, .done = std::move(done)};
  if (!state_->inbox.Add(std::move(request))) std::get<event::TransferLeadership>(request).done(Stopped());
}

void ReplicaRuntime::ChangeMembership(MembershipChange change, ProposeDone done) {
  Event request = event::ChangeMembership{.change = std::move(change), .done = std::move(done)};
  if (!state_->inbox.Add(std::move(request))) std::get<event::ChangeMembership>(request).done(Stopped());
}

// ---- What the edges report ----

void ReplicaRuntime::OnLogPersisted(WriteNumber number) {
  state_->inbox.Add(event::LogPersisted{.number = number});
}

void ReplicaRuntime::OnApplied(Index index) { state_->inbox.Add(event::Applied{.index = index}); }

void ReplicaRuntime::OnInstalled(SnapshotMeta meta) {
  state_->inbox.Add(event::Installed{.meta = std::move(meta)});
}

void ReplicaRuntime::OnFlushed(EntryId flushed) { state_->inbox.Add(event::Flushed{.flushed = flushed}); }

void ReplicaRuntime::OnPeerMessages(NodeId from, std::vector<PeerMessage> messages) {
  if (!state_->inbox.AddPeerMessages(from, messages)) {
    state_->metrics.peer_messages_dropped.fetch_add(messages.size(), std::memory_order_relaxed);
    state_->RefuseForwards(from, messages);
  }
}

void ReplicaRuntime::OnPeerUnreachable(NodeId peer) {
  state_->inbox.Add(event::PeerUnreachable{.peer = peer});
}

void ReplicaRuntime::OnStreamBroken(NodeId peer) { state_->inbox.Add(event::StreamBroken{.peer = peer}); }

void ReplicaRuntime::OnSnapshotSent(NodeId to, std::optional<Index> index) {
  state_->inbox.Add(event::SnapshotSent{.to = to, .index = index});
}

void ReplicaRuntime::OnSnapshotReceived(NodeId from, Term term, std::unique_ptr<SnapshotSink> sink) {
  state_->inbox.Add(event::SnapshotReceived{.from = from, .term = term, .sink = std::move(sink)});
}

void ReplicaRuntime::OnFatal(absl::Status status) {
  state_->inbox.Add(event::Fatal{.status = std::move(status)});
}

}  // namespace cairn::raft
