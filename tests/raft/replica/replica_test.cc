#include "raft/replica/replica.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/raft/replica/one_replica.h"

namespace cairn::raft {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

constexpr NodeId kSelf = OneReplica::kSelf;
constexpr NodeId kPeer = OneReplica::kPeer;
constexpr NodeId kOther = OneReplica::kOther;

// ---- Batches at every hand-over ----

TEST(Replica, ProposalsOfOneTurnAreOneWriteOneAppendAndOneApply) {
  OneReplica node;
  node.Lead();
  node.log.writes.clear();
  node.peers.sent.clear();
  node.apply.batches.clear();
  node.applied_batches = 0;
  const int flushes = node.peers.flushes;

  std::vector<std::shared_ptr<Outcome>> outcomes;
  for (int i = 0; i < 100; ++i) outcomes.push_back(node.Propose("put"));
  node.Turn();

  ASSERT_THAT(node.log.writes, SizeIs(1));
  EXPECT_THAT(node.log.writes[0].entries, SizeIs(100));
  ASSERT_THAT(node.Sent<AppendRequest>(kPeer), SizeIs(1));
  EXPECT_THAT(node.Sent<AppendRequest>(kPeer)[0].entries, SizeIs(100));
  EXPECT_EQ(node.peers.flushes, flushes + 1);

  node.AcknowledgeAll();
  node.Persist();
  ASSERT_THAT(node.apply.batches, SizeIs(1));
  EXPECT_THAT(node.apply.batches[0], SizeIs(100));
  node.Apply();
  for (const auto& outcome : outcomes) {
    EXPECT_EQ(outcome->calls, 1);
    EXPECT_TRUE(outcome->status.ok()) << outcome->status;
  }
}

TEST(Replica, TheLeaderSendsBesideItsOwnDiskWriteAndAcknowledgesNothingItself) {
  OneReplica node;
  node.Lead();
  node.peers.sent.clear();

  const auto outcome = node.Propose("put");
  node.Turn();

  EXPECT_THAT(node.Sent<AppendRequest>(kPeer), SizeIs(1));  // The disk has not answered.
  EXPECT_THAT(node.apply.batches.back(), SizeIs(1));        // Only the entry that opened the term.
  // Both others have it: committed without our own disk (thesis 10.2.1).
  node.AcknowledgeAll(kPeer);
  node.AcknowledgeAll(kOther);
  node.Apply();
  EXPECT_TRUE(outcome->status.ok()) << outcome->status;
}

TEST(Replica, AFollowersAcknowledgementWaitsForItsDisk) {
  OneReplica node;
  node.Follow(Term{1});
  node.peers.sent.clear();

  node.DeliverInTerm(
      kPeer, Term{1},
      AppendRequest{.previous = {}, .entries = {CommandEntry(Term{1}, Index{1})}, .commit = {}, .time = {}});
  EXPECT_THAT(node.Sent<AppendReply>(kPeer), IsEmpty());

  node.Persist();
  ASSERT_THAT(node.Sent<AppendReply>(kPeer), SizeIs(1));
  EXPECT_EQ(node.Sent<AppendReply>(kPeer)[0].match, Index{1});
}

TEST(Replica, ReadsOfOneTurnShareOneRound) {
  OneReplica node;
  node.Lead();
  node.peers.sent.clear();

  std::vector<std::shared_ptr<Outcome>> reads;
  for (int i = 0; i < 50; ++i) reads.push_back(node.Read());
  node.Turn();

  ASSERT_THAT(node.Sent<HeartbeatRequest>(kPeer), SizeIs(1));
  EXPECT_EQ(node.metrics.read_indexes, 1U);
  const ReadRound round = node.Sent<HeartbeatRequest>(kPeer)[0].round;
  node.DeliverInTerm(kPeer, node.term(), HeartbeatReply{.round = round});
  for (const auto& read : reads) {
    EXPECT_EQ(read->calls, 1);
    EXPECT_TRUE(read->status.ok()) << read->status;
  }
}

// ---- Exactly once ----

// R106: a time-out says that the proposal may still take effect; and then it does.
TEST(Replica, AnAnswerThatComesAfterTheTimeOutIsNotGivenTwice) {
  OneReplica node;
  node.Lead();
  const auto outcome = node.Propose("a");
  node.Turn();
  for (int i = 0; i < 130; ++i) {  // Heartbeats are answered, the entry is not acknowledged.
    node.DeliverInTerm(kPeer, node.term(), HeartbeatReply{});
    node.Tick();
  }
  EXPECT_EQ(outcome->calls, 1);
  EXPECT_EQ(outcome->error(), RaftError::kTimeout);

  node.AcknowledgeAll();
  node.Settle();
  EXPECT_EQ(outcome->calls, 1);
}

TEST(Replica, ACallbackMayAskAgain) {
  OneReplica node;
  node.Follow(Term{1});
  auto second = std::make_shared<Outcome>();
  node.replica.Propose(Payload::FromString(std::string(9 << 20, 'x')), [&](const auto&) {
    node.replica.Propose(Payload::FromString("small"), [second](const auto& result) {
      ++second->calls;
      second->status = result.status();
    });
  });
  node.Turn();
  node.Turn();
  EXPECT_THAT(node.Sent<ForwardedProposals>(kPeer), SizeIs(1));
}

// ---- What others see ----

// R49: it said that it was on its disk.
TEST(Replica, TheLeaderNamesWhoLostWhatItHadAcknowledged) {
  OneReplica node;
  node.Lead();
  node.AcknowledgeAll(kPeer);
  node.AcknowledgeAll(kOther);
  EXPECT_THAT(node.replica.Describe().lost_acknowledged, IsEmpty());

  node.replica.OnPeerUnreachable(kPeer);
  node.DeliverInTerm(kPeer, node.term(), AppendReply{.rejected = node.last()});
  EXPECT_THAT(node.replica.Describe().lost_acknowledged, testing::ElementsAre(kPeer));

  // As far as the other as far as anybody knows, but it would not win.
  node.replica.TransferLeadership(std::nullopt, [](const absl::Status&) {});
  node.Turn();
  EXPECT_THAT(node.Sent<TimeoutNow>(kPeer), IsEmpty());
  EXPECT_THAT(node.Sent<TimeoutNow>(kOther), SizeIs(1));
}

// ---- Failure and stopping ----

TEST(Replica, AfterALogErrorNothingIsSentAndEverybodyIsAnswered) {
  OneReplica node;
  node.Lead();
  const auto put = node.Propose("a");
  node.Turn();
  const auto read = node.Read();
  node.replica.OnFatal(absl::DataLossError("fdatasync: input/output error"));
  node.peers.sent.clear();
  node.log.writes.clear();
  node.Turn();

  EXPECT_EQ(put->error(), RaftError::kStopped);
  EXPECT_EQ(read->error(), RaftError::kStopped);
  const auto late = node.Propose("b");
  node.Tick(50);
  node.Persist();
  node.AcknowledgeAll();
  EXPECT_EQ(late->error(), RaftError::kStopped);
  EXPECT_EQ(put->calls + read->calls + late->calls, 3);
  EXPECT_THAT(node.peers.sent, IsEmpty());
  EXPECT_THAT(node.log.writes, IsEmpty());
  EXPECT_FALSE(node.replica.failure().ok());
}

TEST(Replica, AStoppingLeaderHandsOverToTheMostUpToDateFollowerAndFinishesWhatItHas) {
  OneReplica node;
  node.Lead();
  const auto outcome = node.Propose("a");
  node.Turn();
  node.AcknowledgeAll(kOther);  // kPeer misses this one.
  node.peers.sent.clear();

  node.replica.BeginStop();
  const auto refused = node.Propose("b");
  node.Turn();
  EXPECT_EQ(refused->error(), RaftError::kStopped);
  EXPECT_THAT(node.Sent<TimeoutNow>(kOther), SizeIs(1));
  EXPECT_FALSE(node.replica.drained());

  node.Settle();
  EXPECT_TRUE(outcome->status.ok()) << outcome->status;
  EXPECT_FALSE(node.replica.drained());
  node.Follow(Term{2}, {}, {}, kOther);
  EXPECT_TRUE(node.replica.drained());
}

TEST(Replica, ASingleNodeStopsWithoutASuccessor) {
  OneReplica node(OneReplica::SmallOptions(), OneReplica::Fresh({kSelf}));
  node.Tick(20);
  node.Settle();
  ASSERT_TRUE(node.replica.core().is_leader());
  const auto outcome = node.Propose("a");
  node.Turn();
  node.replica.BeginStop();
  EXPECT_FALSE(node.replica.drained());
  node.Settle();
  EXPECT_TRUE(outcome->status.ok());
  EXPECT_TRUE(node.replica.drained());
}

TEST(Replica, WhileLeadershipIsHandedOverProposalsWaitForTheNewLeader) {
  OneReplica node;
  node.Lead();
  node.AcknowledgeAll(kOther);
  const auto moved = node.Transfer(kOther);
  const auto put = node.Propose("a");
  node.Turn();
  EXPECT_EQ(put->calls, 0);

  node.Follow(Term{2}, {}, {}, kOther);
  EXPECT_TRUE(moved->status.ok()) << moved->status;
  ASSERT_THAT(node.Sent<ForwardedProposals>(kOther), SizeIs(1));
  EXPECT_EQ(put->calls, 0);
}

TEST(Replica, ATransferThatFailsIsReportedAndTheQueueGoesOn) {
  OneReplica node;
  node.Lead();
  const auto moved = node.Transfer(kOther);
  const auto put = node.Propose("a");
  for (int i = 0; i < 21; ++i) {
    node.DeliverInTerm(kPeer, node.term(), HeartbeatReply{});
    node.Tick();
  }
  EXPECT_EQ(moved->error(), RaftError::kTimeout);
  node.AcknowledgeAll();
  node.Settle();
  EXPECT_TRUE(put->status.ok()) << put->status;
}

// The quorum check begins a new count; whoever was heard a moment before it is still there.
TEST(Replica, ASuccessorIsFoundAtAnyMoment) {
  OneReplica node;
  node.Lead();
  for (int i = 0; i < 25; ++i) {
    node.DeliverInTerm(kPeer, node.term(), HeartbeatReply{});
    node.Tick();
    const auto peers = node.replica.core().status().peers;
    EXPECT_TRUE(peers.at(0).recently_active) << "tick " << i;
    if (i >= 20) {
      EXPECT_FALSE(peers.at(1).recently_active) << "tick " << i;
    }
  }
}

// R98: nothing is carried over from a follower; whoever asked is told to go to the leader, as etcd does.
TEST(Replica, TransfersAreRefusedWhereTheyMakeNoSense) {
  OneReplica node;
  node.Follow(Term{1});
  const auto from_follower = node.Transfer(kPeer);
  node.Turn();
  EXPECT_TRUE(absl::IsFailedPrecondition(from_follower->status));

  OneReplica leader;
  leader.Lead();
  const auto to_itself = leader.Transfer(kSelf);
  const auto to_nobody = leader.Transfer(NodeId{99});
  leader.Turn();
  EXPECT_TRUE(to_itself->status.ok());
  EXPECT_TRUE(absl::IsInvalidArgument(to_nobody->status));
}

// ---- Cluster time ----

TEST(Replica, EntriesCarryTimeThatNeverFallsAndNeverRunsAheadOfWhatIsCommitted) {
  OneReplica node;
  node.Lead();
  node.now = MonotonicTime{node.now.value() + 40};
  node.Propose("a");
  node.Turn();
  const ClusterTime first = node.log.writes.back().entries.back().time;
  // The process was paused for a minute; nobody could renew anything.
  node.now = MonotonicTime{node.now.value() + 60'000};
  node.Propose("b");
  node.Turn();
  const ClusterTime second = node.log.writes.back().entries.back().time;
  EXPECT_GE(second, first);
  EXPECT_LE(second.value(), 100U);  // One election timeout above the committed time, 0.
}

}  // namespace
}  // namespace cairn::raft
