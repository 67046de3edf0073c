#include "raft/core/read_queue.h"

#include <gtest/gtest.h>

#include <map>

#include "raft/core/election_timer.h"
#include "raft/core/forwarded_reads.h"

namespace cairn::raft {
namespace {

PendingRead Local(std::uint64_t token) { return {.from = std::nullopt, .token = ReadToken{token}}; }

TEST(ReadQueue, ReadsThatComeDuringARoundShareTheNext) {
  ReadQueue reads(10);
  reads.Add(Local(1));
  EXPECT_TRUE(reads.StartRound(Index{5}));
  reads.Add(Local(2));
  reads.Add(Local(3));
  EXPECT_FALSE(reads.StartRound(Index{9}));
  const auto first = reads.Confirm(reads.round());
  EXPECT_EQ(first.index, Index{5});
  EXPECT_EQ(first.reads.size(), 1u);
  EXPECT_TRUE(reads.StartRound(Index{9}));
  const auto second = reads.Confirm(reads.round());
  EXPECT_EQ(second.index, Index{9});
  EXPECT_EQ(second.reads.size(), 2u);
}

TEST(ReadQueue, AnAnswerToAnEarlierRoundConfirmsNothing) {
  ReadQueue reads(10);
  reads.Add(Local(1));
  reads.StartRound(Index{5});
  const ReadRound old_round = reads.round();
  reads.Confirm(old_round);
  reads.Add(Local(2));
  reads.StartRound(Index{6});
  EXPECT_TRUE(reads.Confirm(old_round).reads.empty());
  EXPECT_TRUE(reads.round_under_way());
}

TEST(ReadQueue, IsBoundedAndGivesEverythingBack) {
  ReadQueue reads(2);
  EXPECT_TRUE(reads.Add(Local(1)));
  reads.StartRound(Index{1});
  EXPECT_TRUE(reads.Add(Local(2)));
  EXPECT_FALSE(reads.Add(Local(3)));
  EXPECT_EQ(reads.TakeAll().size(), 2u);
  EXPECT_EQ(reads.size(), 0u);
}

TEST(ForwardedReads, OneBatchIsUnderWayAndRepeatedUnderItsToken) {
  ForwardedReads reads(ReadToken{100}, 10);
  reads.Add(ReadToken{1});
  const auto batch = reads.StartBatch();
  ASSERT_TRUE(batch.has_value());
  reads.Add(ReadToken{2});
  EXPECT_FALSE(reads.StartBatch().has_value());
  EXPECT_FALSE(reads.Tick(2).has_value());
  EXPECT_EQ(reads.Tick(2), batch);
  EXPECT_EQ(reads.Finish(*batch).size(), 1u);
  EXPECT_TRUE(reads.Finish(*batch).empty());
  EXPECT_NE(reads.StartBatch(), batch);
}

TEST(ForwardedReads, AnAnswerToAnotherLifesQuestionFinishesNothing) {
  ForwardedReads reads(ReadToken{100}, 10);
  reads.Add(ReadToken{1});
  reads.StartBatch();
  EXPECT_TRUE(reads.Finish(ReadToken{7}).empty());
  EXPECT_EQ(reads.under_way().size(), 1u);
}

// R09: over many draws every value of [T, 2T) comes up, and nearly as often as any other, so that ties are
// rare.
TEST(ElectionTimer, DrawsEveryTimeoutAboutEquallyOften) {
  Rng rng(3);
  ElectionTimer timer(30, rng);
  std::map<int, int> seen;
  for (int i = 0; i < 30'000; ++i) {
    timer.Redraw(rng);
    ASSERT_GE(timer.timeout(), 30);
    ASSERT_LT(timer.timeout(), 60);
    ++seen[timer.timeout()];
  }
  EXPECT_EQ(seen.size(), 30u);
  for (const auto& [timeout, count] : seen) EXPECT_NEAR(count, 1000, 200) << timeout;
}

TEST(ElectionTimer, NobodyTimesOutWithinTheMinimum) {
  Rng rng(4);
  ElectionTimer timer(10, rng);
  for (int i = 0; i < 9; ++i) EXPECT_FALSE(timer.Tick());
  EXPECT_TRUE(timer.within_minimum());
  timer.Tick();
  EXPECT_FALSE(timer.within_minimum());
}

}  // namespace
}  // namespace cairn::raft
