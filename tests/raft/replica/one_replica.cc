#include "tests/raft/replica/one_replica.h"

#include "raft/base/assert.h"

namespace cairn::raft {

ReplicaOptions OneReplica::SmallOptions() {
  ReplicaOptions options;
  options.core.self = kSelf;
  options.core.heartbeat_ticks = 2;
  options.core.election_ticks = 10;
  options.cluster = ClusterId{77};
  options.origin = 4711;
  options.request_budget = std::chrono::milliseconds(1000);  // 100 ticks, and 20 more.
  return options;
}

RestoredState OneReplica::Fresh(std::vector<NodeId> voters) {
  return {
      .hard_state = {},
      .base = {.last = {},
               .config = {.voters = std::move(voters), .outgoing = {}, .learners = {}, .learners_next = {}},
               .time = {}},
      .entries = {},
      .applied = {}};
}

OneReplica::OneReplica(ReplicaOptions replica_options, const RestoredState& restored)
    : options(replica_options),
      replica(
          options, restored, {.log = log, .apply = apply, .peers = peers, .machine = machine},
          [this](const Membership& membership) {
            std::vector<PeerPort::Peer> found;
            for (const NodeId id : membership.config.All()) {
              const auto known = incarnations.find(id);
              found.push_back(
                  {.id = id,
                   .urls = {"sim://" + std::to_string(id.value())},
                   .incarnation = known == incarnations.end() ? std::nullopt : std::optional(known->second)});
            }
            return found;
          },
          metrics) {}

std::shared_ptr<Outcome> OneReplica::Propose(std::string command) {
  auto outcome = std::make_shared<Outcome>();
  replica.Propose(Payload::FromString(std::move(command)),
                  [outcome](absl::StatusOr<std::unique_ptr<ApplyResult>> result) {
                    ++outcome->calls;
                    outcome->status = result.status();
                  });
  return outcome;
}

std::shared_ptr<Outcome> OneReplica::Read() {
  auto outcome = std::make_shared<Outcome>();
  replica.ReadBarrier([outcome](const absl::Status& status) {
    ++outcome->calls;
    outcome->status = status;
  });
  return outcome;
}

std::shared_ptr<Outcome> OneReplica::Transfer(std::optional<NodeId> to) {
  auto outcome = std::make_shared<Outcome>();
  replica.TransferLeadership(to, [outcome](const absl::Status& status) {
    ++outcome->calls;
    outcome->status = status;
  });
  return outcome;
}

std::shared_ptr<Outcome> OneReplica::Change(MembershipChange change) {
  auto outcome = std::make_shared<Outcome>();
  replica.ChangeMembership(std::move(change), [outcome](absl::StatusOr<std::unique_ptr<ApplyResult>> result) {
    ++outcome->calls;
    outcome->status = result.status();
  });
  return outcome;
}

void OneReplica::Tick(int count) {
  for (int i = 0; i < count; ++i) {
    now = MonotonicTime{now.value() + 10};
    replica.Tick();
    Turn();
  }
}

void OneReplica::Deliver(NodeId from, PeerMessage message) {
  std::vector<PeerMessage> messages;
  messages.push_back(std::move(message));
  replica.OnPeerMessages(from, std::move(messages));
  Turn();
}

void OneReplica::Persist() {
  if (log.last > WriteNumber{}) replica.OnLogPersisted(log.last);
  Turn();
}

void OneReplica::Apply() {
  for (; applied_batches < apply.batches.size(); ++applied_batches) {
    std::vector<ApplyItem>& batch = apply.batches[applied_batches];
    const Index last = batch.back().entry.id.index;
    for (ApplyItem& item : batch) {
      if (item.done) item.Answer(std::make_unique<TestResult>(item.entry.id.index));
    }
    replica.OnApplied(last);
  }
  Turn();
}

void OneReplica::Settle() {
  std::size_t before;
  do {
    before = log.writes.size() + apply.batches.size() + peers.sent.size();
    Persist();
    Apply();
  } while (log.writes.size() + apply.batches.size() + peers.sent.size() != before);
}

void OneReplica::Lead() {
  for (int i = 0; Sent<VoteRequest>(kPeer).empty(); ++i) {
    CAIRN_ASSERT(i < 100, "no election after {} ticks", i);
    Tick();
  }
  const Term asked = Next(term());
  DeliverInTerm(kPeer, asked, VoteReply{.pre_vote = true, .granted = true});
  Persist();
  DeliverInTerm(kPeer, asked, VoteReply{.pre_vote = false, .granted = true});
  Settle();
  CAIRN_ASSERT(replica.core().is_leader(), "not elected in term={}", asked);
  AcknowledgeAll();
  Settle();
}

void OneReplica::AcknowledgeAll(NodeId from) {
  DeliverInTerm(from, term(), AppendReply{.accepted = true, .match = last()});
}

void OneReplica::Follow(Term term, std::vector<Entry> entries, Index commit, NodeId leader) {
  const CoreStatus status = replica.core().status();
  DeliverInTerm(leader, term,
                AppendRequest{.previous = entries.empty() || entries.front().id.index == Index{1}
                                              ? (entries.empty() ? status.last : EntryId{})
                                              : status.last,
                              .entries = std::move(entries),
                              .commit = commit,
                              .time = {}});
  Settle();
}

Entry CommandEntry(Term term, Index index, ProposalId id, std::string bytes) {
  return {.id = {.term = term, .index = index},
          .kind = EntryKind::kCommand,
          .time = {},
          .proposal = id,
          .payload = Payload::FromString(std::move(bytes))};
}

}  // namespace cairn::raft
