#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "raft/replica/replica.h"
#include "tests/raft/replica/one_replica.h"

namespace cairn::raft {
namespace {

using testing::SizeIs;

constexpr NodeId kPeer = OneReplica::kPeer;
constexpr NodeId kOther = OneReplica::kOther;

TEST(Replica, AReadWaitsUntilWhatItMayHaveMissedIsApplied) {
  OneReplica node;
  node.Lead();
  const auto put = node.Propose("put");
  node.Turn();
  node.AcknowledgeAll();
  node.Persist();  // Committed, not applied.
  node.peers.sent.clear();

  const auto read = node.Read();
  node.Turn();
  const ReadRound round = node.Sent<HeartbeatRequest>(kPeer).at(0).round;
  node.DeliverInTerm(kPeer, node.term(), HeartbeatReply{.round = round});
  EXPECT_EQ(read->calls, 0);

  node.Apply();
  EXPECT_EQ(read->calls, 1);
  EXPECT_TRUE(read->status.ok());
  EXPECT_TRUE(put->status.ok());
}

TEST(Replica, AFollowersReadAsksTheLeaderOnceAndWaitsForItsOwnApplier) {
  OneReplica node;
  node.Follow(Term{1}, {CommandEntry(Term{1}, Index{1})}, Index{1});
  node.peers.sent.clear();

  const auto first = node.Read();
  const auto second = node.Read();
  node.Turn();
  const auto asked = node.Sent<ReadIndexRequest>(kPeer);
  ASSERT_THAT(asked, SizeIs(1));

  node.DeliverInTerm(kPeer, Term{1},
                     ReadIndexReply{.token = asked[0].token, .confirmed = true, .index = Index{2}});
  EXPECT_EQ(first->calls, 0);

  node.Follow(Term{1}, {CommandEntry(Term{1}, Index{2})}, Index{2});
  EXPECT_TRUE(first->status.ok()) << first->status;
  EXPECT_TRUE(second->status.ok()) << second->status;
  EXPECT_EQ(first->calls + second->calls, 2);
}

TEST(Replica, AReadThatIsNotConfirmedIsAskedForAgain) {
  OneReplica node;
  node.Follow(Term{1});
  node.peers.sent.clear();
  const auto read = node.Read();
  node.Turn();
  const auto asked = node.Sent<ReadIndexRequest>(kPeer);
  ASSERT_THAT(asked, SizeIs(1));

  node.DeliverInTerm(kPeer, Term{1},
                     ReadIndexReply{.token = asked[0].token, .confirmed = false, .index = {}});
  EXPECT_EQ(read->calls, 0);
  node.Tick();
  ASSERT_THAT(node.Sent<ReadIndexRequest>(kPeer), SizeIs(2));
  node.DeliverInTerm(
      kPeer, Term{1},
      ReadIndexReply{.token = node.Sent<ReadIndexRequest>(kPeer)[1].token, .confirmed = true, .index = {}});
  EXPECT_EQ(read->calls, 1);
  EXPECT_TRUE(read->status.ok()) << read->status;
}

TEST(Replica, AReadInFlightMovesToTheNewLeader) {
  OneReplica node;
  node.Follow(Term{1});
  const auto read = node.Read();
  node.Turn();
  node.peers.sent.clear();

  node.Follow(Term{2}, {}, {}, kOther);
  node.Tick();
  const auto asked = node.Sent<ReadIndexRequest>(kOther);
  ASSERT_THAT(asked, SizeIs(1));
  node.DeliverInTerm(kOther, Term{2},
                     ReadIndexReply{.token = asked[0].token, .confirmed = true, .index = {}});
  EXPECT_TRUE(read->status.ok()) << read->status;
  EXPECT_EQ(read->calls, 1);
}

}  // namespace
}  // namespace cairn::raft
