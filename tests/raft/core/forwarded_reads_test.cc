#include "raft/core/forwarded_reads.h"

#include <gtest/gtest.h>

namespace cairn::raft {
namespace {

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

}  // namespace
}  // namespace cairn::raft
