#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "raft/replica/replica.h"
#include "tests/raft/replica/one_replica.h"

// What a replica does when its own disk does not keep up, or does not answer at all.
namespace cairn::raft {
namespace {

using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr NodeId kPeer = OneReplica::kPeer;
constexpr NodeId kOther = OneReplica::kOther;

ReplicaOptions LittleRoom() {
  ReplicaOptions options = OneReplica::SmallOptions();
  options.max_unpersisted_bytes = 200;
  return options;
}

// The followers keep a leader in office; its own disk says nothing.
void TickHearing(OneReplica& node, int count) {
  for (int i = 0; i < count; ++i) {
    node.DeliverInTerm(kPeer, node.term(), HeartbeatReply{});
    node.Tick();
  }
}

// ---- What waits for the disk is bounded ----

TEST(Replica, AFollowerWhoseDiskIsFarBehindTakesNoEntriesButHearsTheLeader) {
  OneReplica node(LittleRoom());
  node.Follow(Term{1});
  const auto append = [&](std::uint64_t index) {
    node.DeliverInTerm(
        kPeer, Term{1},
        AppendRequest{.previous = node.replica.core().status().last,
                      .entries = {CommandEntry(Term{1}, Index{index}, {}, std::string(150, 'x'))},
                      .commit = {},
                      .time = {}});
  };
  append(1);
  node.peers.sent.clear();
  append(2);
  EXPECT_EQ(node.last(), Index{1});
  EXPECT_EQ(node.metrics.peer_messages_dropped, 1U);
  node.DeliverInTerm(kPeer, Term{1}, HeartbeatRequest{});
  EXPECT_THAT(node.Sent<HeartbeatReply>(kPeer), SizeIs(1));

  node.Persist();
  append(2);
  EXPECT_EQ(node.last(), Index{2});
}

// The others commit without its disk, so what the core has uncommitted says nothing.
TEST(Replica, ALeaderWhoseDiskIsFarBehindRefusesItsOwnAndForwardedProposals) {
  OneReplica node(LittleRoom());
  node.Lead();
  const auto first = node.Propose(std::string(150, 'x'));
  node.Turn();
  node.AcknowledgeAll(kPeer);
  node.AcknowledgeAll(kOther);
  node.Apply();
  ASSERT_TRUE(first->status.ok()) << first->status;

  const auto refused = node.Propose("b");
  node.Deliver(kOther,
               ForwardedProposals{.term = node.term(),
                                  .proposals = {{{.origin = 9, .sequence = 1}, Payload::FromString("c")}}});
  EXPECT_EQ(refused->error(), RaftError::kOverloaded);
  ASSERT_THAT(node.Sent<ForwardRefused>(kOther), SizeIs(1));
  EXPECT_TRUE(node.Sent<ForwardRefused>(kOther)[0].overloaded);

  node.Persist();
  const auto taken = node.Propose("d");
  node.Turn();
  EXPECT_EQ(taken->calls, 0);
  EXPECT_EQ(node.last(), Index{3});
}

// ---- R27: a disk that hangs ----

TEST(Replica, ALeaderWhoseDiskHangsHandsOverToTheBestFollower) {
  OneReplica node;
  node.Lead();
  node.Propose("a");
  node.Turn();
  node.AcknowledgeAll(kOther);
  TickHearing(node, 79);
  EXPECT_THAT(node.Sent<TimeoutNow>(kOther), IsEmpty());
  node.AcknowledgeAll(kOther);
  TickHearing(node, 1);
  EXPECT_THAT(node.Sent<TimeoutNow>(kOther), SizeIs(1));
  EXPECT_TRUE(node.replica.core().is_leader());
}

TEST(Replica, ALeaderWhoseDiskHangsAndWhomNobodySucceedsResignsAndDoesNotCampaignUntilItAnswers) {
  OneReplica node;
  node.Lead();
  const auto put = node.Propose("a");
  node.Turn();
  TickHearing(node, 99);
  EXPECT_TRUE(node.replica.core().is_leader());
  const Term term = node.term();
  TickHearing(node, 1);
  EXPECT_FALSE(node.replica.core().is_leader());
  node.peers.sent.clear();
  node.Tick(100);
  EXPECT_THAT(node.Sent<VoteRequest>(kPeer), IsEmpty());
  EXPECT_EQ(node.term(), term);
  EXPECT_EQ(put->error(), RaftError::kTimeout);

  node.Persist();
  node.Tick(21);
  EXPECT_THAT(node.Sent<VoteRequest>(kPeer), Not(IsEmpty()));
}

// Everything waits longer than a disk may be silent, and it is not silent.
TEST(Replica, ALeaderWithALongQueueThatMovesGoesOnLeading) {
  OneReplica node;
  node.Lead();
  node.log.writes.clear();
  for (int i = 0; i < 5; ++i) {
    node.Propose("a");
    node.Turn();
  }
  ASSERT_THAT(node.log.writes, SizeIs(5));
  for (int i = 0; i < 5; ++i) {
    TickHearing(node, 50);
    node.replica.OnLogPersisted(node.log.writes[static_cast<std::size_t>(i)].number);
    node.Turn();
  }
  EXPECT_TRUE(node.replica.core().is_leader());
  EXPECT_THAT(node.Sent<TimeoutNow>(kPeer), IsEmpty());
  EXPECT_THAT(node.Sent<TimeoutNow>(kOther), IsEmpty());
}

TEST(Replica, AFollowerWhoseDiskHangsDoesNotCampaignAndItsAnswersDoNotPileUp) {
  OneReplica node;
  node.Follow(Term{1});
  node.DeliverInTerm(
      kPeer, Term{1},
      AppendRequest{.previous = {}, .entries = {CommandEntry(Term{1}, Index{1})}, .commit = {}, .time = {}});
  node.peers.sent.clear();
  for (int i = 0; i < 200; ++i) {
    node.DeliverInTerm(kPeer, Term{1}, HeartbeatRequest{});
    node.DeliverInTerm(
        kPeer, Term{1},
        AppendRequest{
            .previous = {.term = Term{1}, .index = Index{1}}, .entries = {}, .commit = {}, .time = {}});
    node.Tick();
  }
  node.Tick(60);
  EXPECT_THAT(node.Sent<VoteRequest>(kPeer), IsEmpty());
  EXPECT_EQ(node.term(), Term{1});

  node.Persist();
  EXPECT_THAT(node.Sent<AppendReply>(kPeer), SizeIs(testing::Lt(90)));
}

// It could not store the vote that has to follow.
TEST(Replica, AFollowerWhoseDiskHangsGivesNoPreVote) {
  OneReplica node;
  node.Follow(Term{1});
  node.DeliverInTerm(
      kPeer, Term{1},
      AppendRequest{.previous = {}, .entries = {CommandEntry(Term{1}, Index{1})}, .commit = {}, .time = {}});
  node.Tick(100);
  const auto ask = [&node] {
    node.peers.sent.clear();
    node.DeliverInTerm(kOther, Term{2},
                       VoteRequest{.pre_vote = true, .last_log = node.replica.core().status().last});
    return node.Sent<VoteReply>(kOther).at(0).granted;
  };
  EXPECT_FALSE(ask());
  node.Persist();
  node.Tick();
  EXPECT_TRUE(ask());
}

}  // namespace
}  // namespace cairn::raft
