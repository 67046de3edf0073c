#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "raft/replica/cluster_clock.h"
#include "raft/replica/group.h"
#include "raft/replica/log_queue.h"
#include "raft/replica/metrics.h"
#include "raft/replica/reads.h"
#include "tests/raft/replica/one_replica.h"

// The small parts of the replica that have rules of their own.
namespace cairn::raft {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

// ---- ClusterClock ----

TEST(ClusterClock, GoesOnFromTheClustersTimeAtThePaceOfTheOwnClock) {
  ClusterClock clock(300);
  clock.Committed(ClusterTime{5000});
  clock.StartLeading(ClusterTime{5000}, MonotonicTime{70});
  EXPECT_EQ(clock.Propose(MonotonicTime{70}), ClusterTime{5000});
  EXPECT_EQ(clock.Propose(MonotonicTime{170}), ClusterTime{5100});
}

TEST(ClusterClock, IsAtMostOneElectionTimeoutAheadOfWhatIsCommittedAndDoesNotMakeUpForIt) {
  ClusterClock clock(300);
  clock.StartLeading(ClusterTime{}, MonotonicTime{0});
  EXPECT_EQ(clock.Propose(MonotonicTime{10'000}), ClusterTime{300});
  clock.Committed(ClusterTime{300});
  EXPECT_EQ(clock.Propose(MonotonicTime{10'050}), ClusterTime{350});
}

TEST(ClusterClock, NeverFalls) {
  ClusterClock clock(300);
  clock.StartLeading(ClusterTime{9000}, MonotonicTime{1000});  // A heartbeat told of 9000; committed is less.
  EXPECT_EQ(clock.Propose(MonotonicTime{1010}), ClusterTime{9000});
  EXPECT_EQ(clock.Propose(MonotonicTime{500}), ClusterTime{9000});
  clock.Committed(ClusterTime{12'000});
  clock.StartLeading(ClusterTime{100}, MonotonicTime{2000});
  EXPECT_GE(clock.Propose(MonotonicTime{2000}), ClusterTime{12'000});
}

// ---- RaftError ----

TEST(RaftErrorTest, TravelsInAStatus) {
  const absl::Status status = MakeRaftError(RaftError::kLost, "gone");
  EXPECT_EQ(RaftErrorOf(status), RaftError::kLost);
  EXPECT_EQ(status.message(), "gone");
  EXPECT_FALSE(RaftErrorOf(absl::UnavailableError("no leader")).has_value());
  EXPECT_FALSE(RaftErrorOf(absl::OkStatus()).has_value());
}

// ---- LogQueue ----

Envelope Vote(NodeId to) {
  return {.from = NodeId{1}, .to = to, .message = {.term = Term{1}, .body = VoteReply{}}};
}

TEST(LogQueue, HoldsWhatVouchesForAWriteUntilThatWriteIsDurable) {
  RecordingLog port;
  LogQueue queue(port);
  queue.Write(WriteNumber{1}, HardState{.term = Term{1}, .vote = {}}, {});
  EXPECT_THAT(queue.HoldUntil(WriteNumber{1}, {Vote(NodeId{2})}), IsEmpty());
  queue.Write(WriteNumber{2}, HardState{.term = Term{2}, .vote = {}}, {});
  EXPECT_THAT(queue.HoldUntil(WriteNumber{2}, {Vote(NodeId{3})}), IsEmpty());

  const LogQueue::Done first = queue.Persisted(port.writes[0].number);
  EXPECT_EQ(first.core_write, WriteNumber{1});
  ASSERT_THAT(first.released, SizeIs(1));
  EXPECT_EQ(first.released[0].to, NodeId{2});
  // Durable already: nothing to wait for.
  EXPECT_THAT(queue.HoldUntil(WriteNumber{1}, {Vote(NodeId{4})}), SizeIs(1));
}

TEST(LogQueue, AResetBetweenWritesIsNoWriteOfTheCores) {
  RecordingLog port;
  LogQueue queue(port);
  const SnapshotMeta meta{.last = {.term = Term{1}, .index = Index{9}}, .config = {}, .time = {}};
  queue.Write(WriteNumber{1}, HardState{.term = Term{1}, .vote = {}}, {});
  queue.Reset(meta);
  queue.Write(WriteNumber{2}, HardState{.term = Term{2}, .vote = {}}, {});

  LogQueue::Done done = queue.Persisted(port.resets[0].number);
  EXPECT_EQ(done.core_write, WriteNumber{1});
  ASSERT_TRUE(done.installed.has_value());
  EXPECT_EQ(done.installed->last, meta.last);
  done = queue.Persisted(port.writes[1].number);
  EXPECT_EQ(done.core_write, WriteNumber{2});
  EXPECT_FALSE(done.installed.has_value());
}

// ---- PendingReads ----

class PendingReadsTest : public testing::Test {
 protected:
  void Add(std::uint64_t deadline = 100) {
    reads_.Add([](const auto&) {}, deadline);
  }
  PendingReads reads_{10};
};

TEST_F(PendingReadsTest, AReadThatComesDuringARoundWaitsForTheNext) {
  Add();
  const ReadToken first = *reads_.StartRound(1);
  Add();
  reads_.Ready({.token = first, .confirmed = true, .index = Index{3}}, Index{3});
  EXPECT_THAT(reads_.TakeAnswers(), SizeIs(1));
  EXPECT_TRUE(reads_.has_waiting());
  const ReadToken second = *reads_.StartRound(2);
  EXPECT_NE(first, second);
}

TEST_F(PendingReadsTest, ConfirmedOnesAreAnsweredWhenTheirIndexIsApplied) {
  Add();
  reads_.Ready({.token = *reads_.StartRound(1), .confirmed = true, .index = Index{5}}, Index{3});
  Add();
  reads_.Ready({.token = *reads_.StartRound(1), .confirmed = true, .index = Index{7}}, Index{3});
  reads_.Applied(Index{4});
  EXPECT_THAT(reads_.TakeAnswers(), IsEmpty());
  reads_.Applied(Index{5});
  EXPECT_THAT(reads_.TakeAnswers(), SizeIs(1));
  reads_.Applied(Index{9});
  EXPECT_THAT(reads_.TakeAnswers(), SizeIs(1));
  EXPECT_EQ(reads_.count(), 0U);
}

TEST_F(PendingReadsTest, ALateRoundIsAskedForAgainAndItsLateAnswerMeansNothing) {
  Add();
  const ReadToken late = *reads_.StartRound(1);
  EXPECT_EQ(reads_.Retry(1), 0U);
  EXPECT_EQ(reads_.Retry(2), 1U);
  const ReadToken again = *reads_.StartRound(5);
  reads_.Ready({.token = late, .confirmed = true, .index = Index{1}}, Index{9});
  EXPECT_THAT(reads_.TakeAnswers(), IsEmpty());
  reads_.Ready({.token = again, .confirmed = true, .index = Index{1}}, Index{9});
  EXPECT_THAT(reads_.TakeAnswers(), SizeIs(1));
}

TEST_F(PendingReadsTest, EveryPlaceExpires) {
  Add(10);
  reads_.Ready({.token = *reads_.StartRound(1), .confirmed = true, .index = Index{5}}, Index{0});
  Add(10);
  reads_.Ready({.token = *reads_.StartRound(1), .confirmed = false, .index = {}}, Index{0});
  Add(10);
  static_cast<void>(reads_.StartRound(1));
  Add(10);
  Add(11);
  reads_.Expire(10);
  EXPECT_THAT(reads_.TakeAnswers(), SizeIs(4));
  EXPECT_EQ(reads_.count(), 1U);
}

TEST_F(PendingReadsTest, WithoutALeaderConfirmedOnesStillFinish) {
  Add();
  reads_.Ready({.token = *reads_.StartRound(1), .confirmed = true, .index = Index{5}}, Index{0});
  Add();
  reads_.GiveUpWithoutLeader();
  const auto answers = reads_.TakeAnswers();
  ASSERT_THAT(answers, SizeIs(1));
  EXPECT_EQ(RaftErrorOf(answers[0].status), RaftError::kNoLeader);
  reads_.Applied(Index{5});
  EXPECT_TRUE(reads_.TakeAnswers().at(0).status.ok());
}

// ---- DurationHistogram ----

TEST(DurationHistogram, PutsADurationIntoTheFirstBucketThatHoldsIt) {
  DurationHistogram histogram;
  histogram.Add(std::chrono::microseconds(64));
  histogram.Add(std::chrono::microseconds(65));
  histogram.Add(std::chrono::microseconds(128));
  histogram.Add(std::chrono::hours(24));
  EXPECT_EQ(histogram.count(0), 1U);
  EXPECT_EQ(histogram.count(1), 2U);
  EXPECT_EQ(histogram.count(DurationHistogram::kBuckets - 1), 1U);
  EXPECT_EQ(histogram.sum_micros(), 64 + 65 + 128 + 86'400'000'000U);
}

}  // namespace
}  // namespace cairn::raft
