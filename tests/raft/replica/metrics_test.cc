#include "raft/replica/metrics.h"

#include <gtest/gtest.h>

namespace cairn::raft {
namespace {

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
