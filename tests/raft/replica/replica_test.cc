#include "raft/replica/replica.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/raft/replica/one_replica.h"

namespace cairn::raft {
namespace {

using testing::ElementsAre;
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

// ---- Reads ----

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

// ---- Exactly once ----

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

// ---- Membership ----

TEST(Replica, ANewMemberIsConnectedWhenItsEntryIsInTheLogAndARemovedOneDroppedWhenThatIsCommitted) {
  OneReplica node;
  const auto ids = [&] {
    std::vector<std::uint64_t> found;
    for (const PeerPort::Peer& peer : node.peers.peers) found.push_back(peer.id.value());
    return found;
  };
  node.Lead();
  EXPECT_THAT(ids(), ElementsAre(2, 3));

  const auto added =
      node.Change({.steps = {{.kind = MembershipStep::Kind::kAddLearner, .id = NodeId{4}}}, .context = "c"});
  node.Turn();
  EXPECT_THAT(ids(), ElementsAre(2, 3, 4));
  node.AcknowledgeAll();
  node.Settle();
  EXPECT_TRUE(added->status.ok()) << added->status;

  const auto removed =
      node.Change({.steps = {{.kind = MembershipStep::Kind::kRemove, .id = kOther}}, .context = "c"});
  node.Turn();
  EXPECT_THAT(ids(), ElementsAre(2, 3, 4));
  node.AcknowledgeAll();
  node.Settle();
  EXPECT_TRUE(removed->status.ok()) << removed->status;
  EXPECT_THAT(ids(), ElementsAre(2, 4));
}

// The second change is asked for in the turn that sees the first one committed: its entry is in the log
// before the first one's is handed to the applier.
TEST(Replica, ACommittedChangeDisconnectsNobodyWhomTheNextOneNeeds) {
  OneReplica node;
  node.Lead();
  node.Change({.steps = {{.kind = MembershipStep::Kind::kAddLearner, .id = NodeId{4}}}, .context = "c"});
  node.Turn();
  node.replica.OnPeerMessages(
      kPeer, {Message{.term = node.term(), .body = AppendReply{.accepted = true, .match = node.last()}}});
  node.replica.OnPeerMessages(
      kOther, {Message{.term = node.term(), .body = AppendReply{.accepted = true, .match = node.last()}}});
  node.Change({.steps = {{.kind = MembershipStep::Kind::kAddVoter, .id = NodeId{5}}}, .context = "c"});
  node.Turn();
  ASSERT_EQ(node.replica.core().status().config.voters.size(), 4U);
  std::vector<std::uint64_t> ids;
  for (const PeerPort::Peer& peer : node.peers.peers) ids.push_back(peer.id.value());
  EXPECT_THAT(ids, ElementsAre(2, 3, 4, 5));
}

TEST(Replica, AMembershipChangeIsRefusedByAFollower) {
  OneReplica node;
  node.Follow(Term{1});
  const auto refused =
      node.Change({.steps = {{.kind = MembershipStep::Kind::kRemove, .id = kOther}}, .context = ""});
  node.Turn();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused->status)) << refused->status;
  EXPECT_EQ(refused->calls, 1);
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
