#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/raft/replica/one_replica.h"

// When the state is flushed, how much of the log stays, and how snapshots are sent and installed.
namespace cairn::raft {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr NodeId kSelf = OneReplica::kSelf;
constexpr NodeId kPeer = OneReplica::kPeer;
constexpr NodeId kOther = OneReplica::kOther;

ReplicaOptions SnapshotOptions() {
  ReplicaOptions options = OneReplica::SmallOptions();
  options.snapshot_count = 10;
  options.snapshot_bytes = 1000;
  options.snapshot_interval = std::chrono::milliseconds(200);  // 20 ticks.
  options.max_log_bytes = 1 << 20;
  options.margin_entries = 4;
  return options;
}

void Commit(OneReplica& node, int count, const std::string& bytes = "x") {
  for (int i = 0; i < count; ++i) node.Propose(bytes);
  node.Turn();
  node.AcknowledgeAll(kPeer);
  node.Settle();
}

void Flushed(OneReplica& node, Index index) {
  node.machine.flushed_id = {.term = node.term(), .index = index};
  node.replica.OnFlushed(node.machine.flushed_id);
  node.Turn();
}

// The peer's heartbeat answers keep the lead.
void TickAsLeader(OneReplica& node, int count) {
  for (int i = 0; i < count; ++i) {
    node.DeliverInTerm(kPeer, node.term(), HeartbeatReply{});
    node.Tick();
  }
}

SnapshotMeta MetaAt(Term term, Index index) {
  return {.last = {.term = term, .index = index},
          .config = {.voters = {kSelf, kPeer, kOther}, .outgoing = {}, .learners = {}, .learners_next = {}},
          .time = {}};
}

TEST(SnapshotPoints, ComeWhenEnoughEntriesAndEnoughBytesWereApplied) {
  OneReplica node(SnapshotOptions());
  node.Lead();
  Commit(node, 8);
  node.machine.unflushed = 5000;
  TickAsLeader(node, 1);
  EXPECT_EQ(node.apply.flushes, 0);  // Nine entries.

  Commit(node, 1);
  node.machine.unflushed = 0;
  TickAsLeader(node, 1);
  EXPECT_EQ(node.apply.flushes, 0);  // Ten, but hardly a byte, and not long since the last.

  node.machine.unflushed = 1000;
  TickAsLeader(node, 3);
  EXPECT_EQ(node.apply.flushes, 1);  // One at a time.
}

TEST(SnapshotPoints, ComeWhenEnoughEntriesAreOld) {
  OneReplica node(SnapshotOptions());
  node.Lead();
  Commit(node, 20);
  TickAsLeader(node, 25);
  EXPECT_EQ(node.apply.flushes, 1);
}

TEST(SnapshotPoints, ComeWhenTheLogIsTooLongInBytes) {
  ReplicaOptions options = SnapshotOptions();
  options.max_log_bytes = 5000;
  OneReplica node(options);
  node.Lead();
  Commit(node, 2, std::string(3000, 'x'));
  TickAsLeader(node, 1);
  EXPECT_EQ(node.apply.flushes, 1);
}

// R52: the state is on stable storage before any of the log goes.
TEST(SnapshotPoints, OnlyWhatIsFlushedLeavesTheLogAndAMarginStays) {
  OneReplica node(SnapshotOptions());
  node.Lead();
  Commit(node, 30);  // Entries 2 to 31.
  EXPECT_THAT(node.log.releases, IsEmpty());

  Flushed(node, Index{20});
  EXPECT_THAT(node.log.releases, ElementsAre(Index{16}));
  EXPECT_EQ(node.replica.core().status().first_kept.index, Index{16});
}

TEST(SnapshotPoints, TheMarginIsBoundedInBytes) {
  ReplicaOptions options = SnapshotOptions();
  options.margin_bytes = 1500;
  OneReplica node(options);
  node.Lead();
  Commit(node, 30, std::string(1000, 'x'));
  Flushed(node, Index{20});
  EXPECT_THAT(node.log.releases, ElementsAre(Index{19}));
}

// ---- Sending ----

// A leader whose log begins after what kOther has, and which has begun to send it a snapshot.
void SendSnapshotToOther(OneReplica& node) {
  node.Lead();
  Commit(node, 30);
  Flushed(node, Index{20});
  TickAsLeader(node, 2);  // A heartbeat leaves; its answer lets the lost probe be repeated.
  node.DeliverInTerm(kOther, node.term(), HeartbeatReply{});
  ASSERT_THAT(node.peers.snapshots, ElementsAre(kOther));
}

TEST(SnapshotSending, PinsTheLogUntilTheReceiverHasCaughtUp) {
  OneReplica node(SnapshotOptions());
  SendSnapshotToOther(node);
  Commit(node, 30);
  Flushed(node, Index{60});
  EXPECT_EQ(node.log.releases.back(), Index{20});  // The snapshot's own index: what follows is needed next.

  node.replica.OnSnapshotSent(kOther, Index{20});
  node.Turn();
  TickAsLeader(node, 2);
  EXPECT_EQ(node.log.releases.back(), Index{20});
  node.AcknowledgeAll(kOther);
  TickAsLeader(node, 1);
  EXPECT_EQ(node.log.releases.back(), Index{56});
}

TEST(SnapshotSending, AnAbortedOneUnpinsAndTheNextTryWaits) {
  ReplicaOptions options = SnapshotOptions();
  options.max_pinned_bytes = 2000;
  OneReplica node(options);
  SendSnapshotToOther(node);
  Commit(node, 30, std::string(500, 'x'));
  TickAsLeader(node, 1);
  EXPECT_THAT(node.peers.cancelled, ElementsAre(kOther));
  Flushed(node, Index{60});
  EXPECT_EQ(node.log.releases.back(), Index{56});

  node.replica.OnSnapshotSent(kOther, std::nullopt);
  node.Turn();
  for (int i = 0; i < 9; ++i) {
    node.DeliverInTerm(kOther, node.term(), HeartbeatReply{});
    TickAsLeader(node, 1);
  }
  EXPECT_THAT(node.peers.snapshots, SizeIs(1));
  for (int i = 0; i < 3; ++i) {
    node.DeliverInTerm(kOther, node.term(), HeartbeatReply{});
    TickAsLeader(node, 1);
  }
  EXPECT_THAT(node.peers.snapshots, SizeIs(2));
}

TEST(SnapshotSending, EndsWithTheLead) {
  OneReplica node(SnapshotOptions());
  SendSnapshotToOther(node);
  node.DeliverInTerm(kPeer, Term{9}, HeartbeatRequest{});
  node.Tick();
  EXPECT_THAT(node.peers.cancelled, ElementsAre(kOther));
}

// ---- Installing ----

TEST(SnapshotInstall, TheStateFirstTheLogSecondTheAcknowledgementAfterBoth) {
  OneReplica node;
  node.Follow(Term{1}, {CommandEntry(Term{1}, Index{1})}, Index{1});
  node.peers.sent.clear();
  const auto read = node.Read();
  node.Turn();
  const auto asked = node.Sent<ReadIndexRequest>(kPeer);
  node.DeliverInTerm(kPeer, Term{1},
                     ReadIndexReply{.token = asked.at(0).token, .confirmed = true, .index = Index{40}});

  const SnapshotMeta meta = MetaAt(Term{1}, Index{50});
  node.replica.OnSnapshotReceived(kPeer, Term{1}, std::make_unique<TestSink>(meta));
  node.Turn();
  ASSERT_THAT(node.apply.installs, SizeIs(1));
  EXPECT_THAT(node.log.resets, IsEmpty());

  node.replica.OnInstalled(meta);
  node.Turn();
  ASSERT_THAT(node.log.resets, SizeIs(1));
  EXPECT_EQ(node.log.resets[0].base, meta.last);
  EXPECT_THAT(node.Sent<AppendReply>(kPeer), IsEmpty());
  EXPECT_EQ(read->calls, 0);

  node.Persist();
  ASSERT_THAT(node.Sent<AppendReply>(kPeer), SizeIs(1));
  EXPECT_EQ(node.Sent<AppendReply>(kPeer)[0].match, Index{50});
  EXPECT_TRUE(read->status.ok()) << read->status;
  EXPECT_EQ(node.replica.Describe().applied, Index{50});

  // And the log goes on from there.
  node.Follow(Term{1}, {CommandEntry(Term{1}, Index{51})}, Index{51});
  EXPECT_EQ(node.replica.Describe().applied, Index{51});
}

// Letting one go is work, and not the replica's.
TEST(SnapshotInstall, OneThatTheCoreRefusesIsLeftToTheApplier) {
  OneReplica node;
  node.Follow(Term{1}, {CommandEntry(Term{1}, Index{1}), CommandEntry(Term{1}, Index{2})}, Index{2});
  bool dropped = false;
  node.replica.OnSnapshotReceived(kPeer, Term{1},
                                  std::make_unique<TestSink>(MetaAt(Term{1}, Index{1}), &dropped));
  node.Turn();
  EXPECT_THAT(node.apply.discards, SizeIs(1));
  EXPECT_FALSE(dropped);
  EXPECT_THAT(node.apply.installs, IsEmpty());
}

TEST(SnapshotInstall, OfTwoThatComeTogetherOneIsInstalled) {
  OneReplica node;
  node.Follow(Term{1});
  node.replica.OnSnapshotReceived(kPeer, Term{1}, std::make_unique<TestSink>(MetaAt(Term{1}, Index{50})));
  node.replica.OnSnapshotReceived(kPeer, Term{1}, std::make_unique<TestSink>(MetaAt(Term{1}, Index{60})));
  node.Turn();
  ASSERT_THAT(node.apply.installs, SizeIs(1));
  EXPECT_EQ(node.apply.installs[0]->meta().last.index, Index{50});
  ASSERT_THAT(node.apply.discards, SizeIs(1));
  EXPECT_EQ(node.apply.discards[0]->meta().last.index, Index{60});
}

TEST(SnapshotInstall, OfAnEarlierTermIsLeftToTheApplier) {
  OneReplica node;
  node.Follow(Term{5});
  node.replica.OnSnapshotReceived(kOther, Term{4}, std::make_unique<TestSink>(MetaAt(Term{4}, Index{50})));
  node.Turn();
  EXPECT_THAT(node.apply.discards, SizeIs(1));
}

TEST(SnapshotInstall, OneThatComesAfterAFailureIsLeftToTheApplier) {
  OneReplica node;
  node.Follow(Term{1});
  node.replica.OnFatal(absl::DataLossError("fdatasync: input/output error"));
  bool dropped = false;
  node.replica.OnSnapshotReceived(kPeer, Term{1},
                                  std::make_unique<TestSink>(MetaAt(Term{1}, Index{50}), &dropped));
  EXPECT_THAT(node.apply.discards, SizeIs(1));
  EXPECT_FALSE(dropped);
}

}  // namespace
}  // namespace cairn::raft
