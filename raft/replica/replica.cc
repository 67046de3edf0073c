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

// Reads that wait are looked through for late ones once in so many ticks.
constexpr std::uint64_t kReadExpiryTicks = 8;

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
      pending_(options.origin, {.count = options.max_pending_proposals, .bytes = options.max_pending_bytes}),
      reads_(options.max_pending_reads),
      clock_(election_ticks_ * static_cast<std::uint64_t>(options.tick.count())),
      peers_(self_, std::move(peers_of), ports.peers),
      log_keeper_(options, restored),
      snapshots_(ports.peers, log_keeper_, metrics, election_ticks_),
      committed_(restored.applied),
      applied_(restored.applied) {
  CAIRN_ASSERT(options.origin != 0, "an origin of 0 names nobody");
  clock_.Committed(restored.base.time);
  peers_.Restored(restored);
}

Replica::~Replica() = default;

// ---- Clients ----

void Replica::Propose(Payload command, ProposeDone done) {
  if (Refusing()) return pending_.Refuse(std::move(done), RefusalReason());
  if (LeaderlessForLong()) {
    return pending_.Refuse(std::move(done), MakeRaftError(RaftError::kNoLeader, "no leader"));
  }
  if (command.size() > options_.max_payload_bytes) {
    return pending_.Refuse(
        std::move(done),
        MakeRaftError(RaftError::kTooLarge, fmt::format("a command of {} bytes; the limit is {}",
                                                        command.size(), options_.max_payload_bytes)));
  }
  if (committed_.value() - std::min(applied_, committed_).value() > options_.max_unapplied_entries) {
    return pending_.Refuse(std::move(done),
                           MakeRaftError(RaftError::kOverloaded, "too many entries wait to be applied"));
  }
  pending_.Add(std::move(command), std::move(done), tick_ + budget_ticks_);
}

void Replica::ReadBarrier(ReadDone done) {
  if (Refusing()) return reads_.Refuse(std::move(done), RefusalReason());
  if (LeaderlessForLong()) {
    return reads_.Refuse(std::move(done), MakeRaftError(RaftError::kNoLeader, "no leader"));
  }
  reads_.Add(std::move(done), tick_ + budget_ticks_);
}

void Replica::TransferLeadership(std::optional<NodeId> to, TransferDone done) {
  if (Refusing()) return transfers_.Refuse(std::move(done), RefusalReason());
  if (!core_.is_leader()) {
    return transfers_.Refuse(std::move(done), absl::FailedPreconditionError("this member does not lead"));
  }
  if (!to) to = BestFollower();
  if (!to) {
    return transfers_.Refuse(std::move(done),
                             absl::FailedPreconditionError("no follower is there to take over"));
  }
  if (to == self_) return transfers_.Refuse(std::move(done), absl::OkStatus());
  if (absl::Status status = core_.TransferLeadership(*to); !status.ok()) {
    return transfers_.Refuse(std::move(done), std::move(status));
  }
  transfers_.Add(*to, tick_ + 2 * election_ticks_, std::move(done));
}

void Replica::ChangeMembership(MembershipChange change, ProposeDone done) {
  if (Refusing()) return pending_.Refuse(std::move(done), RefusalReason());
  membership_requests_.push_back({.change = std::move(change), .done = std::move(done)});
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
  pending_.Expire(tick_);
  if (tick_ % kReadExpiryTicks == 0) reads_.Expire(tick_);
  const std::size_t late = reads_.Retry(tick_ > election_ticks_ ? tick_ - election_ticks_ : 0);
  metrics_.slow_read_indexes.fetch_add(late, std::memory_order_relaxed);
  transfers_.Expire(tick_);
  if (LeaderlessForLong()) {
    pending_.GiveUpWithoutLeader();
    reads_.GiveUpWithoutLeader();
  }
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
  LogQueue::Done done = log_.Persisted(number);
  if (done.core_write) core_.LogPersisted(*done.core_write);
  if (done.installed) InstalledAndReset(*done.installed);
  std::ranges::move(done.released, std::back_inserter(released_));
}

void Replica::OnApplied(Index index) {
  if (!failure_.ok()) return;
  CAIRN_ASSERT(index <= committed_, "applied={} committed={}", index, committed_);
  applied_ = std::max(applied_, index);
  while (!unapplied_.empty() && unapplied_.front().first <= index) {
    unapplied_bytes_ -= unapplied_.front().second;
    unapplied_.pop_front();
  }
  core_.Applied(applied_);
  log_keeper_.Applied(applied_);
  reads_.Applied(applied_);
}

void Replica::OnInstalled(SnapshotMeta meta) {
  if (!failure_.ok()) return;
  // The state is safe; now the log may forget what the state no longer continues (design 4.2: the store's
  // pointer first, the log second, the acknowledgement after both).
  log_.Reset(std::move(meta));
}

void Replica::InstalledAndReset(const SnapshotMeta& meta) {
  committed_ = meta.last.index;
  applied_ = meta.last.index;
  unapplied_.clear();
  unapplied_bytes_ = 0;
  clock_.Committed(meta.time);
  log_keeper_.Reset(meta.last.index, tick_);
  core_.SnapshotInstalled(meta.last.index);
  peers_.Installed({.config = meta.config, .context = {}});
  reads_.Applied(applied_);
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
    if (TooFarBehindFor(*raft_message)) {
      CAIRN_PROBE("replica_append_dropped_for_backlog");
      metrics_.peer_messages_dropped.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    core_.Step(from, std::move(*raft_message));
  } else if (auto* forwarded = std::get_if<ForwardedProposals>(&message)) {
    forwarded_.push_back({.from = from, .batch = std::move(*forwarded)});
  } else if (auto* refused = std::get_if<ForwardRefused>(&message)) {
    metrics_.forwards_refused.fetch_add(1, std::memory_order_relaxed);
    for (const ProposalId& id : refused->proposals) pending_.Refused(id, refused->term, refused->overloaded);
    // It hands over, it does not lead, it has too much to do, or the connection is down. Except for the load,
    // NoteLeader() will end the wait.
    hold_queue_until_ = tick_ + kRefusedPauseTicks;
  }
}

// A follower whose applier cannot follow lets entries be lost, as a network would: the leader's window for it
// closes, and memory stays bounded. Heartbeats and votes pass.
bool Replica::TooFarBehindFor(const Message& message) const {
  if (unapplied_bytes_ <= options_.max_unapplied_bytes) return false;
  const auto* append = std::get_if<AppendRequest>(&message.body);
  return append != nullptr && !append->entries.empty();
}

void Replica::OnPeerUnreachable(NodeId peer) {
  if (!failure_.ok()) return;
  if (core_.is_leader()) metrics_.heartbeat_send_failures.fetch_add(1, std::memory_order_relaxed);
  core_.PeerUnreachable(peer);
  // What we forwarded may have been lost with the connection. If it was not, we see it committed soon.
  pending_.ConnectionLost(peer, tick_ + 4 * election_ticks_);
}

void Replica::OnStreamBroken(NodeId peer) {
  if (failure_.ok()) core_.StreamBroken(peer);
}

void Replica::OnSnapshotSent(NodeId to, std::optional<Index> index) {
  if (!failure_.ok()) return;
  snapshots_.Ended(to, index.has_value(), tick_);
  core_.SnapshotSent(to, index);
}

void Replica::OnSnapshotReceived(NodeId from, Term term, std::unique_ptr<SnapshotSink> sink) {
  if (!failure_.ok()) return;
  Message message{.term = term, .body = InstallSnapshot{.meta = sink->meta()}};
  received_.push_back(std::move(sink));
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
    received_.clear();  // What the core did not ask to install, it refused.
    NoteLeader(now);
    if (std::exchange(sent_, false)) ports_.peers.Flush();
  }
  UpdateMetrics();
  DeliverAnswers();
}

void Replica::NoteLeader(MonotonicTime now) {
  const std::optional<NodeId> leader = core_.leader();
  const Term term = core_.term();
  if (leader == leader_ && term == term_) return;
  if (leader) {
    metrics_.leader_changes.fetch_add(1, std::memory_order_relaxed);
    if (leader == self_) clock_.StartLeading(core_.status().time, now);
    transfers_.LeaderIs(*leader);
    reads_.Retry(0);
    hold_queue_until_ = 0;
  }
  if (!leader && leader_) leaderless_since_ = tick_;
  leader_ = leader;
  term_ = term;
}

// Proposals of other members' clients. Each was sent once and names our term; if we do not lead in it, the
// sender must know that they are in no log.
void Replica::TakeForwarded(MonotonicTime now) {
  for (auto& [from, batch] : std::exchange(forwarded_, {})) {
    std::vector<Proposal> proposals;
    proposals.reserve(batch.proposals.size());
    for (auto& [id, payload] : batch.proposals)
      proposals.push_back({.id = id, .payload = std::move(payload)});
    std::vector<ProposalId> ids;
    ids.reserve(proposals.size());
    std::ranges::transform(proposals, std::back_inserter(ids), &Proposal::id);

    ProposeResult result{.accepted = 0, .refusal = ProposeRefusal::kNotLeader};
    if (core_.is_leader() && core_.term() == batch.term) {
      result = core_.Propose(proposals, clock_.Propose(now));
    }
    if (result.accepted == ids.size()) continue;
    CAIRN_PROBE("replica_forward_refused");
    ids.erase(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(result.accepted));
    sent_ = true;
    ports_.peers.Send(from, ForwardRefused{.term = batch.term,
                                           .proposals = std::move(ids),
                                           .overloaded = result.refusal == ProposeRefusal::kOverloaded});
  }
}

void Replica::ProposeOwn(MonotonicTime now) {
  if (!pending_.has_queued() || !leader_ || tick_ < hold_queue_until_) return;
  if (leader_ == self_) {
    ProposeToOwnLog(now);
  } else {
    ForwardTo(*leader_);
  }
}

void Replica::ProposeToOwnLog(MonotonicTime now) {
  std::vector<Proposal> proposals = pending_.Queued(options_.max_pending_bytes);
  const std::size_t count = proposals.size();
  const ProposeResult result = core_.Propose(proposals, clock_.Propose(now));
  pending_.Sent(result.accepted, core_.term(), std::nullopt);
  switch (result.refusal) {
    case ProposeRefusal::kNone:
      break;
    case ProposeRefusal::kOverloaded:
      pending_.RefuseQueued(count - result.accepted, RaftError::kOverloaded,
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
  while (pending_.has_queued() && pending_.forwarded_bytes() < options_.max_forwarded_bytes) {
    ForwardedProposals batch{.term = term_, .proposals = {}};
    for (Proposal& proposal : pending_.Queued(kMaxForwardBytes)) {
      batch.proposals.emplace_back(proposal.id, std::move(proposal.payload));
    }
    const std::size_t count = batch.proposals.size();
    metrics_.proposals_forwarded.fetch_add(count, std::memory_order_relaxed);
    sent_ = true;
    ports_.peers.Send(leader, std::move(batch));
    pending_.Sent(count, term_, leader);
  }
}

void Replica::ChangeMembershipNow(MonotonicTime now) {
  for (auto& [change, done] : std::exchange(membership_requests_, {})) {
    const ProposalId id = pending_.next_id();
    absl::Status status = core_.ChangeMembership(id, change, clock_.Propose(now));
    if (status.ok()) {
      pending_.AddSent(core_.term(), std::move(done), tick_ + budget_ticks_);
    } else {
      pending_.Refuse(std::move(done), std::move(status));
    }
  }
}

void Replica::StartReadRound() {
  if (!leader_) return;
  if (const std::optional<ReadToken> token = reads_.StartRound(tick_)) {
    metrics_.read_indexes.fetch_add(1, std::memory_order_relaxed);
    core_.ReadIndex(*token);
  }
}

void Replica::DeliverAnswers() {
  for (auto& [done, status] : pending_.TakeAnswers()) {
    metrics_.proposals_failed.fetch_add(1, std::memory_order_relaxed);
    std::move(done)(std::move(status));
  }
  for (auto& [done, status] : reads_.TakeAnswers()) {
    if (!status.ok()) metrics_.reads_failed.fetch_add(1, std::memory_order_relaxed);
    std::move(done)(std::move(status));
  }
  for (auto& [done, status] : transfers_.TakeAnswers()) std::move(done)(std::move(status));
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
    reads_.Ready(ready, applied_);
  }
  for (const SnapshotNeeded& needed : output.snapshots_needed) {  // 7.
    snapshots_.Wanted(needed.to, core_.term(), ports_.machine.flushed().index, tick_);
  }
}

void Replica::Install(const SnapshotMeta& meta) {
  const auto sink = std::ranges::find_if(
      received_, [&](const auto& received) { return received != nullptr && received->meta() == meta; });
  CAIRN_ASSERT(sink != received_.end(), "asked to install index={}, which was not received", meta.last.index);
  // The entries up to it will never be seen one by one.
  pending_.Skipped(meta.last);
  ports_.apply.Install(std::move(*sink));
}

void Replica::StartWrite(WriteNumber write, std::optional<HardState> hard_state, std::vector<Entry> entries) {
  for (const Entry& entry : entries) {
    if (entry.kind != EntryKind::kMembership) continue;
    // In force from now on, committed or not: whoever is new must be reachable to count.
    if (auto membership = DecodeMembership(entry.payload.bytes()); membership.ok())
      peers_.Appended(entry.id.index, *membership);
  }
  log_.Write(write, hard_state, std::move(entries));
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
  for (Entry& entry : committed) {
    CAIRN_ASSERT(entry.id.index == Next(committed_), "committed={} after={}", entry.id.index, committed_);
    committed_ = entry.id.index;
    bytes += entry.payload.size();
    clock_.Committed(entry.time);
    log_keeper_.Committed(entry);
    if (entry.kind == EntryKind::kMembership) {
      if (auto membership = DecodeMembership(entry.payload.bytes()); membership.ok()) {
        peers_.Committed(entry.id.index, *membership);
      }
    }
    ProposeDone done = pending_.Committed(entry.id, entry.proposal);
    items.push_back({.entry = std::move(entry), .done = std::move(done)});
  }
  unapplied_.emplace_back(committed_, bytes);
  unapplied_bytes_ += bytes;
  ports_.apply.Apply(std::move(items));
}

// ---- Stopping ----

void Replica::BeginStop() {
  if (Refusing()) return;
  stopping_ = true;
  if (!core_.is_leader()) return;
  const std::optional<NodeId> successor = BestFollower();
  if (successor && core_.TransferLeadership(*successor).ok()) hand_over_until_ = tick_ + 2 * election_ticks_;
}

std::optional<NodeId> Replica::BestFollower() const {
  const CoreStatus status = core_.status();
  const PeerStatus* best = nullptr;
  for (const PeerStatus& peer : status.peers) {
    const bool eligible =
        peer.id != self_ && peer.recently_active && std::ranges::binary_search(status.config.voters, peer.id);
    if (eligible && (best == nullptr || peer.match > best->match)) best = &peer;
  }
  return best == nullptr ? std::nullopt : std::optional(best->id);
}

bool Replica::drained() const {
  if (!failure_.ok()) return true;
  const bool handing_over = core_.is_leader() && tick_ < hand_over_until_;
  return !handing_over && pending_.count() == 0 && reads_.count() == 0 && transfers_.empty() &&
         applied_ == committed_;
}

void Replica::Abandon() {
  stopping_ = true;
  const absl::Status reason = RefusalReason();
  pending_.FailAll(RaftError::kStopped, MessageOf(reason));
  reads_.FailAll(RaftError::kStopped, MessageOf(reason));
  transfers_.FailAll(RaftError::kStopped, MessageOf(reason));
  for (auto& [change, done] : std::exchange(membership_requests_, {}))
    pending_.Refuse(std::move(done), reason);
  DeliverAnswers();
}

// ---- What others see ----

GroupStatus Replica::Describe() const {
  CoreStatus status = core_.status();
  return {.self = self_,
          .cluster = options_.cluster,
          .term = status.term,
          .leader = status.leader,
          .commit = std::max(status.commit, committed_),
          .applied = applied_,
          .last = status.last.index,
          .config = std::move(status.config),
          .pending_proposals = pending_.count(),
          .leader_changes = metrics_.leader_changes.load(std::memory_order_relaxed)};
}

void Replica::UpdateMetrics() {
  const auto set = [](ReplicaMetrics::Counter& gauge, std::uint64_t value) {
    gauge.store(value, std::memory_order_relaxed);
  };
  set(metrics_.proposals_committed, committed_.value());
  set(metrics_.proposals_applied, applied_.value());
  set(metrics_.proposals_pending, pending_.count());
  set(metrics_.has_leader, leader_.has_value() ? 1 : 0);
  set(metrics_.is_leader, leader_ == self_ ? 1 : 0);
}

}  // namespace cairn::raft
