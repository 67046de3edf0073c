#include "raft/replica/reads.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cairn::raft {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

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

// A round begins every turn; while the applier stands still nothing else would end them.
TEST_F(PendingReadsTest, RoundsWhoseReadsHaveAllExpiredAreGone) {
  for (std::uint64_t tick = 1; tick <= 5; ++tick) {
    Add(10);
    reads_.Ready({.token = *reads_.StartRound(tick), .confirmed = true, .index = Index{5}}, Index{0});
  }
  Add(10);
  static_cast<void>(reads_.StartRound(6));
  EXPECT_EQ(reads_.rounds(), 6U);
  reads_.Expire(10);
  EXPECT_EQ(reads_.rounds(), 0U);
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

}  // namespace
}  // namespace cairn::raft
