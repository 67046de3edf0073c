#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "raft/replica/replica.h"

// One replica in a vacuum: ports that only write down what they were asked for, and a test that plays the
// disk, the applier and the other members by hand.
namespace cairn::raft {

class TestResult final : public ApplyResult {
 public:
  explicit TestResult(Index applied_at) : index(applied_at) {}
  Index index;
};

struct RecordingLog final : LogPort {
  struct ResetCall {
    EntryId base;
    WriteNumber number;
  };
  void Write(LogWrite write) override {
    last = write.number;
    writes.push_back(std::move(write));
  }
  void Reset(EntryId base, WriteNumber number) override {
    last = number;
    resets.push_back({.base = base, .number = number});
  }
  void ReleaseUpTo(Index index) override { releases.push_back(index); }

  std::vector<LogWrite> writes;
  std::vector<ResetCall> resets;
  std::vector<Index> releases;
  WriteNumber last;
};

struct RecordingApply final : ApplyPort {
  void Apply(std::vector<ApplyItem> items) override { batches.push_back(std::move(items)); }
  void Install(std::unique_ptr<SnapshotSink> sink) override { installs.push_back(std::move(sink)); }
  void Discard(std::unique_ptr<SnapshotSink> sink) override { discards.push_back(std::move(sink)); }
  void StartFlush() override { ++flushes; }

  std::vector<std::vector<ApplyItem>> batches;
  std::vector<std::unique_ptr<SnapshotSink>> installs;
  std::vector<std::unique_ptr<SnapshotSink>> discards;
  int flushes = 0;
};

struct RecordingPeers final : PeerPort {
  void Send(NodeId to, PeerMessage message) override { sent.emplace_back(to, std::move(message)); }
  void Flush() override { ++flushes; }
  void SendSnapshot(NodeId to, Term) override { snapshots.push_back(to); }
  void CancelSnapshot(NodeId to) override { cancelled.push_back(to); }
  void SetPeers(std::vector<Peer> now) override { peers = std::move(now); }

  std::vector<std::pair<NodeId, PeerMessage>> sent;
  std::vector<NodeId> snapshots;
  std::vector<NodeId> cancelled;
  std::vector<Peer> peers;
  int flushes = 0;
};

struct TestMachine final : StateMachine {
  SnapshotMeta recovered() const override { return {}; }
  absl::Status Apply(std::span<ApplyItem>) override { return applying; }
  void StartFlush() override {}
  EntryId flushed() const override { return flushed_id; }
  std::uint64_t unflushed_bytes() const override { return unflushed; }
  absl::StatusOr<std::unique_ptr<SnapshotSource>> OpenSnapshot() override {
    return absl::UnimplementedError("no snapshots here");
  }
  absl::StatusOr<std::unique_ptr<SnapshotSink>> ReceiveSnapshot(const SnapshotMeta&,
                                                                std::string_view) override {
    return absl::UnimplementedError("no snapshots here");
  }
  absl::Status Install(std::unique_ptr<SnapshotSink>) override { return absl::OkStatus(); }

  absl::Status applying;  // What Apply() says.
  EntryId flushed_id;
  std::uint64_t unflushed = 0;
};

// A received snapshot; `dropped` is set when it dies.
class TestSink final : public SnapshotSink {
 public:
  explicit TestSink(SnapshotMeta meta, bool* dropped = nullptr) : meta_(std::move(meta)), dropped_(dropped) {}
  ~TestSink() override {
    if (dropped_ != nullptr) *dropped_ = true;
  }
  const SnapshotMeta& meta() const override { return meta_; }
  Position next() const override { return {}; }
  absl::Status Write(Position, std::string_view) override { return absl::OkStatus(); }
  absl::Status Finish() override { return absl::OkStatus(); }

 private:
  SnapshotMeta meta_;
  bool* dropped_;
};

// What became of one request.
struct Outcome {
  int calls = 0;
  absl::Status status = absl::UnknownError("not answered");

  [[nodiscard]] std::optional<RaftError> error() const { return RaftErrorOf(status); }
};

class OneReplica {
 public:
  static ReplicaOptions SmallOptions();
  static RestoredState Fresh(std::vector<NodeId> voters);

  explicit OneReplica(ReplicaOptions options = SmallOptions(),
                      const RestoredState& restored = Fresh({kSelf, kPeer, kOther}));

  // The node under test and two more.
  static constexpr NodeId kSelf{1};
  static constexpr NodeId kPeer{2};
  static constexpr NodeId kOther{3};

  // Requests, answered into the returned outcome.
  std::shared_ptr<Outcome> Propose(std::string command);
  std::shared_ptr<Outcome> Read();
  std::shared_ptr<Outcome> Transfer(std::optional<NodeId> to);
  std::shared_ptr<Outcome> Change(MembershipChange change);

  void Turn() { replica.Run(now); }
  void Tick(int count = 1);
  void Deliver(NodeId from, PeerMessage message);
  void DeliverInTerm(NodeId from, Term term, decltype(Message::body) body) {
    Deliver(from, Message{.term = term, .body = std::move(body)});
  }
  // The disk and the applier do what they were asked, each once, followed by a turn.
  void Persist();
  void Apply();
  // Persist and Apply until nothing changes.
  void Settle();

  // Elects this replica with the votes of kPeer, and commits the first entry of its term.
  void Lead();
  // kPeer acknowledges the whole log.
  void AcknowledgeAll(NodeId from = kPeer);
  // Makes this replica a follower of kPeer in `term`, with the leader's entries up to `commit` committed.
  void Follow(Term term, std::vector<Entry> entries = {}, Index commit = {}, NodeId leader = kPeer);

  [[nodiscard]] Term term() const { return replica.core().term(); }
  [[nodiscard]] Index last() const { return replica.core().status().last.index; }
  // What was sent to `to` and is of this kind, in order; of Message bodies or of PeerMessage itself.
  template <typename Body>
  std::vector<Body> Sent(NodeId to) const;

  RecordingLog log;
  RecordingApply apply;
  RecordingPeers peers;
  TestMachine machine;
  ReplicaMetrics metrics;
  MonotonicTime now{1000};
  std::map<NodeId, Incarnation> incarnations;  // As the state machine knows them.
  std::size_t applied_batches = 0;
  ReplicaOptions options;
  Replica replica;
};

template <typename Body>
std::vector<Body> OneReplica::Sent(NodeId to) const {
  std::vector<Body> found;
  for (const auto& [receiver, message] : peers.sent) {
    if (receiver != to) continue;
    if constexpr (std::is_same_v<Body, ForwardedProposals> || std::is_same_v<Body, ForwardRefused>) {
      if (const auto* body = std::get_if<Body>(&message)) found.push_back(*body);
    } else if (const auto* raft_message = std::get_if<Message>(&message)) {
      if (const auto* body = std::get_if<Body>(&raft_message->body)) found.push_back(*body);
    }
  }
  return found;
}

Entry CommandEntry(Term term, Index index, ProposalId id = {}, std::string bytes = "x");

}  // namespace cairn::raft
