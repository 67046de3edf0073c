#include "raft/replica/replica.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "raft/base/assert.h"
#include "raft/base/probe.h"
#include "raft/base/status.h"

namespace cairn::raft {
namespace {

// In units of the longest election timeout: how long requests are held while there is no leader. An election
// that goes well needs one; a split vote needs two.
constexpr std::uint64_t kHoldTimeouts = 2;

// Of one message of forwarded proposals.
constexpr std::size_t kMaxForwardBytes = 1 << 20;

// After a refused forward: until the next try at the same leader.
constexpr std::uint64_t kRefusedPauseTicks = 4;

constexpr const char* kTooFarBehind = "too much waits to be written or applied";

std::uint64_t TicksOf(std::chrono::milliseconds duration, std::chrono::milliseconds tick) {
  return static_cast<std::uint64_t>((duration + tick - std::chrono::milliseconds(1)) / tick);
}

}  // namespace

Replica::Replica(const ReplicaOptions& options, const RestoredState& restored, const Ports& ports,
                 PeersOf peers_of, ReplicaMetrics& metrics)
    : options_(options),
      self_(options.core.self),
      ports_(ports),
      metrics_(metrics),
      election_ticks_(static_cast<std::uint64_t>(options.core.election_ticks)),
      budget_ticks_(TicksOf(options.request_budget, options.tick) + 2 * election_ticks_),
      hold_ticks_(kHoldTimeouts * 2 * election_ticks_),
      core_(options.core, restored),
      log_(ports.log),
      clients_(options),
      clock_(election_ticks_ * static_cast<std::uint64_t>(options.tick.count())),
      peers_(self_, std::move(peers_of), ports.peers),
      log_keeper_(options, restored),
      snapshots_(ports.peers, log_keeper_, metrics, election_ticks_),
      succession_(core_, election_ticks_),
      backlog_(restored.applied,
               {.entries = options.max_unapplied_entries, .bytes = options.max_unapplied_bytes}) {
  CAIRN_ASSERT(options.origin != 0, "an origin of 0 names nobody");
  clock_.Committed(restored.base.time);
  peers_.Restored(restored);
}

Replica::~Replica() = default;

// ---- Clients ----

void Replica::Propose(Payload command, ProposeDone done) {
  if (Refusing()) return clients_.proposals.Refuse(std::move(done), RefusalReason());
  if (LeaderlessForLong()) {
    return clients_.proposals.Refuse(std::move(done), MakeRaftError(RaftError::kNoLeader, "no leader"));
  }
  if (command.size() > options_.max_payload_bytes) {
    return clients_.proposals.Refuse(
        std::move(done),
        MakeRaftError(RaftError::kTooLarge, fmt::format("a command of {} bytes; the limit is {}",
                                                        command.size(), options_.max_payload_bytes)));
  }
  // A follower's own backlog is nobody's reason: the leader takes what it can.
  if (leader_ == self_ && TooFarBehind()) {
    return clients_.proposals.Refuse(std::move(done), MakeRaftError(RaftError::kOverloaded, kTooFarBehind));
  }
  clients_.proposals.Add(std::move(command), std::move(done), tick_ + budget_ticks_);
}

void Replica::ReadBarrier(ReadDone done) {
  if (Refusing()) return clients_.reads.Refuse(std::move(done), RefusalReason());
  if (LeaderlessForLong()) {
    return clients_.reads.Refuse(std::move(done), MakeRaftError(RaftError::kNoLeader, "no leader"));
  }
  clients_.reads.Add(std::move(done), tick_ + budget_ticks_);
}

void Replica::TransferLeadership(std::optional<NodeId> to, TransferDone done) {
  if (Refusing()) return clients_.transfers.Refuse(std::move(done), RefusalReason());
  absl::StatusOr<NodeId> successor = succession_.HandOverTo(to);
  if (!successor.ok() || *successor == self_) {
    return clients_.transfers.Refuse(std::move(done), std::move(successor).status());
  }
  clients_.transfers.Add(*successor, tick_ + 2 * election_ticks_, std::move(done));
}

void Replica::ChangeMembership(MembershipChange change, ProposeDone done) {
  if (Refusing()) return clients_.proposals.Refuse(std::move(done), RefusalReason());
  clients_.changes.push_back({.change = std::move(change), .done = std::move(done)});
}

void Replica::PeersChanged() {
  if (failure_.ok()) peers_.Refresh(core_.status().config);
}

absl::Status Replica::RefusalReason() const {
  if (failure_.ok()) return MakeRaftError(RaftError::kStopped, "this member is shutting down");
  return MakeRaftError(RaftError::kStopped, fmt::format("this member has failed: {}", MessageOf(failure_)));
}

bool Replica::LeaderlessForLong() const { return !leader_ && tick_ - leaderless_since_ >= hold_ticks_; }

// ---- Events ----

void Replica::Tick() {
  if (!failure_.ok()) return;
  ++tick_;
  core_.Tick();
  succession_.WatchDisk(log_.waits_since(), tick_);
  clients_.Tick(tick_, election_ticks_, metrics_);
  if (LeaderlessForLong()) clients_.GiveUpWithoutLeader();
  KeepLogShort();
}

void Replica::KeepLogShort() {
  if (log_keeper_.ShouldFlush(tick_, ports_.machine.unflushed_bytes())) {
    log_keeper_.FlushStarted();
    metrics_.snapshot_points.fetch_add(1, std::memory_order_relaxed);
    ports_.apply.StartFlush();
  }
  if (snapshots_.idle()) return;
  if (core_.is_leader()) {
    snapshots_.Tick(core_.status().peers, core_.term(), ports_.machine.flushed().index, tick_);
  } else {
    snapshots_.Stop();
  }
  ReleaseLog();
}

void Replica::ReleaseLog() {
  const std::optional<Index> to = log_keeper_.Release();
  if (!to) return;
  ports_.log.ReleaseUpTo(*to);
  core_.CompactLog(*to);
}

void Replica::OnLogPersisted(WriteNumber number) {
  if (!failure_.ok()) return;
  LogQueue::Done done = log_.Persisted(number, tick_);
  if (done.core_write) core_.LogPersisted(*done.core_write);
  if (done.installed) InstalledAndReset(*done.installed);
  std::ranges::move(done.released, std::back_inserter(released_));
}

void Replica::OnApplied(Index index) {
  if (!failure_.ok()) return;
  backlog_.Applied(index);
  core_.Applied(backlog_.applied());
  log_keeper_.Applied(backlog_.applied());
  clients_.reads.Applied(backlog_.applied());
}

void Replica::OnInstalled(SnapshotMeta meta) {
  if (!failure_.ok()) return;
  // The state is safe; now the log may forget what the state no longer continues (design 4.2: the store's
  // pointer first, the log second, the acknowledgement after both).
  log_.Reset(std::move(meta), tick_);
}

void Replica::InstalledAndReset(const SnapshotMeta& meta) {
  backlog_.Reset(meta.last.index);
  clock_.Committed(meta.time);
  log_keeper_.Reset(meta.last.index, tick_);
  core_.SnapshotInstalled(meta.last.index);
  peers_.Installed({.config = meta.config, .context = {}});
  clients_.reads.Applied(meta.last.index);
  metrics_.snapshots_installed.fetch_add(1, std::memory_order_relaxed);
}

void Replica::OnFlushed(EntryId flushed) {
  if (!failure_.ok()) return;
  log_keeper_.Flushed(flushed.index, tick_);
  ReleaseLog();
}

void Replica::OnPeerMessages(NodeId from, std::vector<PeerMessage> messages) {
  if (!failure_.ok()) return;
  for (PeerMessage& message : messages) HandlePeerMessage(from, std::move(message));
}

void Replica::HandlePeerMessage(NodeId from, PeerMessage message) {
  if (auto* raft_message = std::get_if<Message>(&message)) {
    if (!MayStep(*raft_message)) {
      metrics_.peer_messages_dropped.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    core_.Step(from, std::move(*raft_message));
  } else if (auto* forwarded = std::get_if<ForwardedProposals>(&message)) {
    forwards_.Add(from, std::move(*forwarded));
  } else if (auto* refused = std::get_if<ForwardRefused>(&message)) {
    metrics_.forwards_refused.fetch_add(1, std::memory_order_relaxed);
    const auto reason =
        refused->overloaded ? PendingProposals::RefusedFor::kLoad : PendingProposals::RefusedFor::kNotLeading;
    bool queued_again = false;
    for (const ProposalId& id : refused->proposals) {
      if (clients_.proposals.Refused(id, refused->term, reason)) queued_again = true;
    }
    // The leader hands over, does not lead, has too much to do, or the connection is down. Except for the
    // load, NoteLeader() will end the wait. Who is no leader to us cannot make us wait.
    if (queued_again && from == leader_) hold_queue_until_ = tick_ + kRefusedPauseTicks;
  }
}

bool Replica::MayStep(const Message& message) const {
  // A snapshot comes through OnSnapshotReceived(), with its bytes; a peer that only says so is not believed.
  if (std::holds_alternative<InstallSnapshot>(message.body)) return false;
  const auto* append = std::get_if<AppendRequest>(&message.body);
  if (append == nullptr) return true;
  // A follower whose applier or disk cannot follow lets entries be lost, as a network would: the leader's
  // window for it closes, and memory stays bounded. Heartbeats and votes pass. While the disk hangs empty
  // appends are lost, too: the answers to them would wait for it, more with each heartbeat.
  const bool lost = succession_.disk_stalled() || (!append->entries.empty() && TooFarBehind());
  if (lost) CAIRN_PROBE("replica_append_dropped_for_backlog");
  return !lost;
}

void Replica::OnPeerUnreachable(NodeId peer) {
  if (!failure_.ok()) return;
  if (core_.is_leader()) metrics_.heartbeat_send_failures.fetch_add(1, std::memory_order_relaxed);
  core_.PeerUnreachable(peer);
  // What we forwarded may have been lost with the connection. If it was not, we see it committed soon.
  clients_.proposals.ConnectionLost(peer, tick_ + 4 * election_ticks_);
}

void Replica::OnStreamBroken(NodeId peer) {
  if (failure_.ok()) core_.StreamBroken(peer);
}

void Replica::OnSnapshotSent(NodeId to, std::optional<Index> index) {
  if (!failure_.ok()) return;
  snapshots_.Ended(to, index ? SnapshotSender::Outcome::kReceived : SnapshotSender::Outcome::kFailed, tick_);
  core_.SnapshotSent(to, index);
}

void Replica::OnSnapshotReceived(NodeId from, Term term, std::unique_ptr<SnapshotSink> sink) {
  if (!failure_.ok()) return ports_.apply.Discard(std::move(sink));
  Message message{.term = term, .body = InstallSnapshot{.meta = sink->meta()}};
  received_.Add(std::move(sink));
  core_.Step(from, std::move(message));
}

void Replica::OnFatal(absl::Status status) {
  if (!failure_.ok()) return;
  CAIRN_ASSERT(!status.ok(), "a failure without a reason");
  failure_ = std::move(status);
  Abandon();
}

// ---- A turn ----

void Replica::Run(MonotonicTime now) {
  if (failure_.ok()) {
    NoteLeader(now);
    Send(std::exchange(released_, {}));
    TakeForwarded(now);
    ProposeOwn(now);
    ChangeMembershipNow(now);
    StartReadRound();
    while (core_.HasOutput()) Perform(core_.TakeOutput());
    // Its destructor closes a store and removes files: nothing for this thread.
    for (auto& sink : received_.TakeRefused()) ports_.apply.Discard(std::move(sink));
    NoteLeader(now);
    if (std::exchange(sent_, false)) ports_.peers.Flush();
  }
  UpdateMetrics();
  clients_.DeliverAnswers(metrics_);
}

void Replica::NoteLeader(MonotonicTime now) {
  const std::optional<NodeId> leader = core_.leader();
  const Term term = core_.term();
  if (leader == leader_ && term == term_) return;
  if (leader) {
    metrics_.leader_changes.fetch_add(1, std::memory_order_relaxed);
    if (leader == self_) clock_.StartLeading(core_.status().time, now);
    clients_.transfers.LeaderIs(*leader);
    clients_.reads.Retry(0);
    hold_queue_until_ = 0;
  }
  if (!leader && leader_) leaderless_since_ = tick_;
  leader_ = leader;
  term_ = term;
}

void Replica::TakeForwarded(MonotonicTime now) {
  if (forwards_.empty()) return;
  const auto room = TooFarBehind() ? Forwards::Room::kFull : Forwards::Room::kEnough;
  const ClusterTime time = core_.is_leader() ? clock_.Propose(now) : ClusterTime{};
  for (auto& [to, refused] : forwards_.ProposeTo(core_, time, room)) {
    sent_ = true;
    ports_.peers.Send(to, std::move(refused));
  }
}

void Replica::ProposeOwn(MonotonicTime now) {
  if (!clients_.proposals.has_queued() || !leader_ || tick_ < hold_queue_until_) return;
  if (leader_ == self_) {
    ProposeToOwnLog(now);
  } else {
    ForwardTo(*leader_);
  }
}

void Replica::ProposeToOwnLog(MonotonicTime now) {
  std::vector<Proposal> proposals = clients_.proposals.Queued(options_.max_pending_bytes);
  if (TooFarBehind()) {
    return clients_.proposals.RefuseQueued(proposals.size(), RaftError::kOverloaded, kTooFarBehind);
  }
  const std::size_t count = proposals.size();
  const ProposeResult result = core_.Propose(proposals, clock_.Propose(now));
  clients_.proposals.Sent(result.accepted, core_.term(), std::nullopt);
  switch (result.refusal) {
    case ProposeRefusal::kNone:
      break;
    case ProposeRefusal::kOverloaded:
      clients_.proposals.RefuseQueued(count - result.accepted, RaftError::kOverloaded,
                                      "too many entries wait to be replicated");
      break;
    case ProposeRefusal::kTransferring:
    case ProposeRefusal::kNotLeader:
      // They stay queued: the next leader takes them, or we do when the transfer has failed.
      hold_queue_until_ = tick_ + 1;
      break;
  }
}

void Replica::ForwardTo(NodeId leader) {
  while (clients_.proposals.has_queued() &&
         clients_.proposals.forwarded_bytes() < options_.max_forwarded_bytes) {
    ForwardedProposals batch = clients_.proposals.Forward(kMaxForwardBytes, term_, leader);
    metrics_.proposals_forwarded.fetch_add(batch.proposals.size(), std::memory_order_relaxed);
    sent_ = true;
    ports_.peers.Send(leader, std::move(batch));
  }
}

void Replica::ChangeMembershipNow(MonotonicTime now) {
  for (auto& [change, done] : std::exchange(clients_.changes, {})) {
    const ProposalId id = clients_.proposals.next_id();
    absl::Status status = core_.ChangeMembership(id, change, clock_.Propose(now));
    if (status.ok()) {
      clients_.proposals.AddSent(core_.term(), std::move(done), tick_ + budget_ticks_);
    } else {
      clients_.proposals.Refuse(std::move(done), std::move(status));
    }
  }
}

void Replica::StartReadRound() {
  if (!leader_) return;
  if (const std::optional<ReadToken> token = clients_.reads.StartRound(tick_)) {
    metrics_.read_indexes.fetch_add(1, std::memory_order_relaxed);
    core_.ReadIndex(*token);
  }
}

// ---- Obeying the core ----

void Replica::Perform(Output output) {
  if (output.install) Install(*output.install);  // 1.
  if (output.write) {                            // 2.
    StartWrite(*output.write, output.hard_state, std::move(output.entries));
  }
  Send(std::move(output.send_now));  // 3.
  if (output.sync_point) {           // 4.
    Send(log_.HoldUntil(*output.sync_point, std::move(output.send_after_sync)));
  }
  if (!output.committed.empty()) Apply(std::move(output.committed));  // 5.
  for (const ReadReady& ready : output.reads) {                       // 6.
    if (!ready.confirmed) metrics_.failed_read_indexes.fetch_add(1, std::memory_order_relaxed);
    clients_.reads.Ready(ready, backlog_.applied());
  }
  for (const SnapshotNeeded& needed : output.snapshots_needed) {  // 7.
    snapshots_.Wanted(needed.to, core_.term(), ports_.machine.flushed().index, tick_);
  }
}

void Replica::Install(const SnapshotMeta& meta) {
  std::unique_ptr<SnapshotSink> sink = received_.Take(meta);
  CAIRN_ASSERT(sink != nullptr, "asked to install index={}, which was not received", meta.last.index);
  // The entries up to it will never be seen one by one.
  clients_.proposals.Skipped(meta.last);
  ports_.apply.Install(std::move(sink));
}

void Replica::StartWrite(WriteNumber write, std::optional<HardState> hard_state, std::vector<Entry> entries) {
  for (const Entry& entry : entries) {
    if (entry.kind != EntryKind::kMembership) continue;
    // In force from now on, committed or not: whoever is new must be reachable to count.
    if (auto membership = DecodeMembership(entry.payload.bytes()); membership.ok())
      peers_.Appended(entry.id.index, *membership);
  }
  log_.Write(write, hard_state, std::move(entries), tick_);
}

void Replica::Send(std::vector<Envelope> envelopes) {
  for (Envelope& envelope : envelopes) {
    if (envelope.to == self_) {
      core_.Step(self_, std::move(envelope.message));
      continue;
    }
    sent_ = true;
    ports_.peers.Send(envelope.to, std::move(envelope.message));
  }
}

void Replica::Apply(std::vector<Entry> committed) {
  std::vector<ApplyItem> items;
  items.reserve(committed.size());
  std::size_t bytes = 0;
  Index last = backlog_.committed();
  for (Entry& entry : committed) {
    CAIRN_ASSERT(entry.id.index == Next(last), "committed={} after={}", entry.id.index, last);
    last = entry.id.index;
    bytes += entry.payload.size();
    clock_.Committed(entry.time);
    log_keeper_.Committed(entry);
    if (entry.kind == EntryKind::kMembership) {
      if (auto membership = DecodeMembership(entry.payload.bytes()); membership.ok()) {
        peers_.Committed(entry.id.index, *membership);
      }
    }
    ProposeDone done = clients_.proposals.Committed(entry.id, entry.proposal);
    items.push_back({.entry = std::move(entry), .done = std::move(done)});
  }
  backlog_.HandedOver(last, bytes);
  ports_.apply.Apply(std::move(items));
}

// ---- Stopping ----

void Replica::BeginStop() {
  if (Refusing()) return;
  stopping_ = true;
  succession_.BeginStop(tick_);
}

bool Replica::drained() const {
  if (!failure_.ok()) return true;
  return !succession_.handing_over(tick_) && clients_.empty() && backlog_.empty();
}

void Replica::Abandon() {
  stopping_ = true;
  clients_.FailAll(RefusalReason());
  clients_.DeliverAnswers(metrics_);
}

// ---- What others see ----

GroupStatus Replica::Describe() const {
  CoreStatus status = core_.status();
  std::vector<NodeId> lost_acknowledged;
  for (const PeerStatus& peer : status.peers) {
    if (peer.refuses_acknowledged) lost_acknowledged.push_back(peer.id);
  }
  return {.self = self_,
          .cluster = options_.cluster,
          .term = status.term,
          .leader = status.leader,
          .commit = std::max(status.commit, backlog_.committed()),
          .applied = backlog_.applied(),
          .last = status.last.index,
          .config = std::move(status.config),
          .pending_proposals = clients_.proposals.count(),
          .leader_changes = metrics_.leader_changes.load(std::memory_order_relaxed),
          .lost_acknowledged = std::move(lost_acknowledged)};
}

void Replica::UpdateMetrics() {
  const auto set = [](ReplicaMetrics::Counter& gauge, std::uint64_t value) {
    gauge.store(value, std::memory_order_relaxed);
  };
  set(metrics_.proposals_committed, backlog_.committed().value());
  set(metrics_.proposals_applied, backlog_.applied().value());
  set(metrics_.commits_contradicting, clients_.proposals.contradictions());
  set(metrics_.proposals_pending, clients_.proposals.count());
  set(metrics_.has_leader, leader_.has_value() ? 1 : 0);
  set(metrics_.is_leader, leader_ == self_ ? 1 : 0);
}

}  // namespace cairn::raft
