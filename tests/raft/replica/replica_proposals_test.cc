#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "raft/replica/replica.h"
#include "tests/raft/replica/one_replica.h"

namespace cairn::raft {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

constexpr NodeId kSelf = OneReplica::kSelf;
constexpr NodeId kPeer = OneReplica::kPeer;
constexpr NodeId kOther = OneReplica::kOther;

// ---- Forwarding ----

TEST(Replica, AFollowerForwardsOnceAndAnswersWhenItAppliesTheEntry) {
  OneReplica node;
  node.Follow(Term{1});
  const auto first = node.Propose("a");
  const auto second = node.Propose("b");
  node.Turn();
  node.Tick(30);  // However long it takes: never sent twice.

  const auto forwarded = node.Sent<ForwardedProposals>(kPeer);
  ASSERT_THAT(forwarded, SizeIs(1));
  EXPECT_EQ(forwarded[0].term, Term{1});
  ASSERT_THAT(forwarded[0].proposals, SizeIs(2));
}

TEST(Replica, AForwardedProposalIsAnsweredByItsEntry) {
  OneReplica node;
  node.Follow(Term{1});
  const auto outcome = node.Propose("a");
  node.Turn();
  const auto forwarded = node.Sent<ForwardedProposals>(kPeer);
  ASSERT_THAT(forwarded, SizeIs(1));
  const ProposalId id = forwarded[0].proposals[0].first;
  EXPECT_EQ(id.origin, node.options.origin);

  node.Follow(Term{1}, {CommandEntry(Term{1}, Index{1}, id)}, Index{1});
  EXPECT_EQ(outcome->calls, 1);
  EXPECT_TRUE(outcome->status.ok()) << outcome->status;
}

TEST(Replica, ALeaderTakesWhatIsForwardedInItsTermAndRefusesWhatNamesAnother) {
  OneReplica node;
  node.Lead();
  node.log.writes.clear();
  const ProposalId mine{.origin = 9, .sequence = 1};

  node.Deliver(kOther,
               ForwardedProposals{.term = node.term(), .proposals = {{mine, Payload::FromString("a")}}});
  ASSERT_THAT(node.log.writes, SizeIs(1));
  EXPECT_EQ(node.log.writes[0].entries.at(0).proposal, mine);

  node.Deliver(kOther,
               ForwardedProposals{.term = Term{node.term().value() - 1},
                                  .proposals = {{{.origin = 9, .sequence = 2}, Payload::FromString("b")}}});
  EXPECT_THAT(node.log.writes, SizeIs(1));
  const auto refused = node.Sent<ForwardRefused>(kOther);
  ASSERT_THAT(refused, SizeIs(1));
  EXPECT_THAT(refused[0].proposals, ElementsAre(ProposalId{.origin = 9, .sequence = 2}));
  EXPECT_FALSE(refused[0].overloaded);
}

TEST(Replica, ARefusedForwardIsInNoLogAndGoesToTheNextLeader) {
  OneReplica node;
  node.Follow(Term{1});
  const auto outcome = node.Propose("a");
  node.Turn();
  const ProposalId id = node.Sent<ForwardedProposals>(kPeer).at(0).proposals.at(0).first;

  node.Deliver(kPeer, ForwardRefused{.term = Term{1}, .proposals = {id}, .overloaded = false});
  EXPECT_EQ(outcome->calls, 0);
  node.Follow(Term{2}, {}, {}, kOther);
  const auto again = node.Sent<ForwardedProposals>(kOther);
  ASSERT_THAT(again, SizeIs(1));
  EXPECT_EQ(again[0].term, Term{2});
  EXPECT_EQ(again[0].proposals.at(0).first, id);
}

TEST(Replica, ALateRefusalOfAnEarlierSendingDoesNotSendAThirdTime) {
  OneReplica node;
  node.Follow(Term{1});
  const auto outcome = node.Propose("a");
  node.Turn();
  const ProposalId id = node.Sent<ForwardedProposals>(kPeer).at(0).proposals.at(0).first;
  const ForwardRefused refusal{.term = Term{1}, .proposals = {id}, .overloaded = false};
  node.Deliver(kPeer, refusal);
  node.Follow(Term{2}, {}, {}, kOther);
  ASSERT_THAT(node.Sent<ForwardedProposals>(kOther), SizeIs(1));

  node.Deliver(kPeer, refusal);
  node.Tick(9);
  EXPECT_THAT(node.Sent<ForwardedProposals>(kOther), SizeIs(1));
  EXPECT_EQ(outcome->calls, 0);
}

TEST(Replica, AnOverloadedLeaderIsTriedForAWhileAndThenPassedOnToTheClient) {
  OneReplica node;
  node.Follow(Term{1});
  const auto outcome = node.Propose("a");
  node.Turn();
  const ProposalId id = node.Sent<ForwardedProposals>(kPeer).at(0).proposals.at(0).first;
  for (std::size_t times = 1; times <= 20; ++times) {
    ASSERT_THAT(node.Sent<ForwardedProposals>(kPeer), SizeIs(times));
    EXPECT_EQ(outcome->calls, 0);
    node.Deliver(kPeer, ForwardRefused{.term = Term{1}, .proposals = {id}, .overloaded = true});
    node.DeliverInTerm(kPeer, Term{1}, HeartbeatRequest{});
    node.Tick(4);
  }
  EXPECT_EQ(outcome->error(), RaftError::kOverloaded);
}

// ---- Lost or unknown ----

TEST(Replica, AProposalOfAnEarlierTermIsLostOnceALaterTermCommits) {
  OneReplica node;
  node.Follow(Term{1});
  const auto outcome = node.Propose("a");
  node.Turn();

  // A new leader alone proves nothing: the entry may be in its log.
  node.Follow(Term{2}, {CommandEntry(Term{2}, Index{1})}, Index{0}, kOther);
  EXPECT_EQ(outcome->calls, 0);
  node.DeliverInTerm(kOther, Term{2}, HeartbeatRequest{.commit = Index{1}, .round = {}, .time = {}});
  EXPECT_EQ(outcome->calls, 1);
  EXPECT_EQ(outcome->error(), RaftError::kLost);
}

TEST(Replica, AProposalThatTheNewLeaderCarriedOnIsNotLost) {
  OneReplica node;
  node.Follow(Term{1});
  const auto outcome = node.Propose("a");
  node.Turn();
  const ProposalId id = node.Sent<ForwardedProposals>(kPeer).at(0).proposals.at(0).first;

  node.Follow(Term{2}, {CommandEntry(Term{1}, Index{1}, id), CommandEntry(Term{2}, Index{2})}, Index{2},
              kOther);
  EXPECT_EQ(outcome->calls, 1);
  EXPECT_TRUE(outcome->status.ok()) << outcome->status;
}

TEST(Replica, TheOldLeadersOwnProposalsAreLostWhenTheNewTermCommits) {
  OneReplica node;
  node.Lead();
  const auto outcome = node.Propose("a");
  node.Turn();
  ASSERT_EQ(node.last(), Index{2});

  node.DeliverInTerm(kOther, Term{9},
                     AppendRequest{.previous = {.term = Term{1}, .index = Index{1}},
                                   .entries = {CommandEntry(Term{9}, Index{2})},
                                   .commit = Index{2},
                                   .time = {}});
  EXPECT_EQ(outcome->calls, 1);
  EXPECT_EQ(outcome->error(), RaftError::kLost);
}

TEST(Replica, WhatASnapshotSkippedIsUnknown) {
  OneReplica node;
  node.Follow(Term{1});
  const auto outcome = node.Propose("a");
  node.Turn();

  SnapshotMeta meta{
      .last = {.term = Term{1}, .index = Index{50}},
      .config = {.voters = {kSelf, kPeer, kOther}, .outgoing = {}, .learners = {}, .learners_next = {}},
      .time = {}};
  node.replica.OnSnapshotReceived(kPeer, Term{1}, std::make_unique<TestSink>(meta));
  node.Turn();
  EXPECT_EQ(outcome->calls, 1);
  EXPECT_EQ(outcome->error(), RaftError::kUnknown);
}

TEST(Replica, ALostConnectionMakesForwardsUnknownAfterAWhileAndNotBefore) {
  OneReplica node;
  node.Follow(Term{1});
  const auto lost = node.Propose("a");
  const auto arrived = node.Propose("b");
  node.Turn();
  const ProposalId id = node.Sent<ForwardedProposals>(kPeer).at(0).proposals.at(1).first;
  node.replica.OnPeerUnreachable(kPeer);
  node.Turn();
  EXPECT_EQ(lost->calls, 0);

  node.Follow(Term{1}, {CommandEntry(Term{1}, Index{1}, id)}, Index{1});
  EXPECT_TRUE(arrived->status.ok()) << arrived->status;
  for (int i = 0; i < 41; ++i) {
    node.DeliverInTerm(kPeer, Term{1}, HeartbeatRequest{.commit = Index{1}, .round = {}, .time = {}});
    node.Tick();
  }
  EXPECT_EQ(lost->calls, 1);
  EXPECT_EQ(lost->error(), RaftError::kUnknown);
  EXPECT_EQ(arrived->calls, 1);
}

TEST(Replica, ARefusalOfNothingHoldsUpNoLeader) {
  OneReplica node;
  node.Lead();
  node.log.writes.clear();
  node.Deliver(kOther, ForwardRefused{.term = node.term(), .proposals = {}, .overloaded = true});
  node.Propose("a");
  node.Turn();
  EXPECT_THAT(node.log.writes, SizeIs(1));
}

TEST(Replica, AProposalThatNobodyCommitsTimesOut) {
  OneReplica node;
  node.Follow(Term{1});
  const auto outcome = node.Propose("a");
  for (int i = 0; i < 119; ++i) {
    node.DeliverInTerm(kPeer, Term{1}, HeartbeatRequest{});
    node.Tick();
  }
  EXPECT_EQ(outcome->calls, 0);
  node.Tick();
  EXPECT_EQ(outcome->calls, 1);
  EXPECT_EQ(outcome->error(), RaftError::kTimeout);
}

// ---- No leader, too much, too large ----

TEST(Replica, ProposalsWaitForAnElectionAndAreSentToItsWinner) {
  OneReplica node;
  const auto put = node.Propose("a");
  const auto read = node.Read();
  node.Tick(3);
  EXPECT_EQ(put->calls, 0);

  node.Follow(Term{1});
  EXPECT_THAT(node.Sent<ForwardedProposals>(kPeer), SizeIs(1));
  EXPECT_THAT(node.Sent<ReadIndexRequest>(kPeer), SizeIs(1));
}

TEST(Replica, WithoutALeaderForLongRequestsAreRefusedAtOnce) {
  OneReplica node;
  const auto held = node.Propose("a");
  const auto held_read = node.Read();
  node.Tick(40);
  EXPECT_EQ(held->error(), RaftError::kNoLeader);
  EXPECT_EQ(held_read->error(), RaftError::kNoLeader);

  const auto put = node.Propose("b");
  const auto read = node.Read();
  node.Turn();
  EXPECT_EQ(put->error(), RaftError::kNoLeader);
  EXPECT_EQ(read->error(), RaftError::kNoLeader);
}

TEST(Replica, WhatWasInFlightWhenTheLeaderVanishedIsUnknownAfterTheHold) {
  OneReplica node;
  node.Follow(Term{1});
  const auto outcome = node.Propose("a");
  node.Turn();
  node.Tick(60);  // One election timeout until the leader is given up, two more of the longest kind.
  EXPECT_EQ(outcome->calls, 1);
  EXPECT_EQ(outcome->error(), RaftError::kUnknown);
}

TEST(Replica, BeyondTheBoundsNothingHappensAndTheClientHearsIt) {
  ReplicaOptions options = OneReplica::SmallOptions();
  options.max_pending_proposals = 3;
  options.max_pending_bytes = 10;
  options.max_pending_reads = 1;
  options.max_payload_bytes = 9;
  OneReplica node(options);
  node.Follow(Term{1});

  const auto first = node.Propose("12345");
  const auto too_many_bytes = node.Propose("123456");
  const auto too_large = node.Propose("1234567890");
  const auto second = node.Propose("1");
  const auto third = node.Propose("1");
  const auto too_many = node.Propose("1");
  const auto read = node.Read();
  const auto too_many_reads = node.Read();
  node.Turn();

  EXPECT_EQ(too_many_bytes->error(), RaftError::kOverloaded);
  EXPECT_EQ(too_large->error(), RaftError::kTooLarge);
  EXPECT_EQ(too_many->error(), RaftError::kOverloaded);
  EXPECT_EQ(too_many_reads->error(), RaftError::kOverloaded);
  EXPECT_EQ(first->calls + second->calls + third->calls + read->calls, 0);
  EXPECT_THAT(node.Sent<ForwardedProposals>(kPeer).at(0).proposals, SizeIs(3));
}

TEST(Replica, ALeaderWhoseApplierIsFarBehindRefusesMore) {
  ReplicaOptions options = OneReplica::SmallOptions();
  options.max_unapplied_entries = 5;
  OneReplica node(options);
  node.Lead();
  for (int i = 0; i < 6; ++i) node.Propose("a");
  node.Turn();
  node.AcknowledgeAll();
  node.Persist();

  const auto refused = node.Propose("b");
  node.Turn();
  EXPECT_EQ(refused->error(), RaftError::kOverloaded);
  node.Apply();
  const auto taken = node.Propose("c");
  node.Turn();
  EXPECT_EQ(taken->calls, 0);
}

// By bytes, and wherever a proposal comes from: the applier does not care.
TEST(Replica, ALeaderWhoseApplierIsFarBehindRefusesForwardedOnesAndWhatWaitedInTheQueue) {
  ReplicaOptions options = OneReplica::SmallOptions();
  options.max_unapplied_bytes = 10;
  OneReplica node(options);
  node.Lead();
  const auto first = node.Propose("0123456789abcdef");
  node.Turn();
  // Held back while the lead is being handed over, to one that lacks the entry.
  const auto moved = node.Transfer(kOther);
  const auto waited = node.Propose("b");
  node.Turn();
  node.AcknowledgeAll();
  node.Persist();  // Committed, not applied.
  EXPECT_EQ(waited->calls, 0);

  EXPECT_EQ(node.Propose("c")->calls, 0);
  node.Deliver(kOther,
               ForwardedProposals{.term = node.term(),
                                  .proposals = {{{.origin = 9, .sequence = 1}, Payload::FromString("d")}}});
  ASSERT_THAT(node.Sent<ForwardRefused>(kOther), SizeIs(1));
  EXPECT_TRUE(node.Sent<ForwardRefused>(kOther)[0].overloaded);
  for (int i = 0; i < 12; ++i) {  // The transfer is given up; the queue would go on.
    node.DeliverInTerm(kPeer, node.term(), HeartbeatReply{});
    node.Tick();
  }
  EXPECT_EQ(waited->error(), RaftError::kOverloaded);
  EXPECT_EQ(node.last(), Index{2});

  node.Apply();
  const auto taken = node.Propose("e");
  node.Turn();
  EXPECT_EQ(node.last(), Index{3});
}

TEST(Replica, AFollowerWhoseApplierIsFarBehindTakesNoEntriesButHearsTheLeader) {
  ReplicaOptions options = OneReplica::SmallOptions();
  options.max_unapplied_bytes = 10;
  OneReplica node(options);
  node.DeliverInTerm(kPeer, Term{1},
                     AppendRequest{.previous = {},
                                   .entries = {CommandEntry(Term{1}, Index{1}, {}, "0123456789abcdef")},
                                   .commit = Index{1},
                                   .time = {}});
  node.Persist();
  node.DeliverInTerm(kPeer, Term{1},
                     AppendRequest{.previous = {.term = Term{1}, .index = Index{1}},
                                   .entries = {CommandEntry(Term{1}, Index{2})},
                                   .commit = Index{1},
                                   .time = {}});
  EXPECT_EQ(node.last(), Index{1});
  node.peers.sent.clear();
  node.DeliverInTerm(kPeer, Term{1}, HeartbeatRequest{});
  EXPECT_THAT(node.Sent<HeartbeatReply>(kPeer), SizeIs(1));

  node.Apply();
  node.Follow(Term{1}, {CommandEntry(Term{1}, Index{2})}, Index{1});
  EXPECT_EQ(node.last(), Index{2});
}

}  // namespace
}  // namespace cairn::raft
