#include "raft/core/read_queue.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace cairn::raft
