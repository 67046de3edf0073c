#include "cmd/cairn-bench/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "raft/base/rng.h"

namespace cairn::bench {
namespace {

TEST(Histogram, SmallValuesAreExact) {
  Histogram histogram;
  for (int i = 1; i <= 50; ++i) histogram.Record(i);
  EXPECT_EQ(histogram.Percentile(0.5), 25);
  EXPECT_EQ(histogram.Percentile(1.0), 50);
  EXPECT_EQ(histogram.Percentile(0.0), 1);
  EXPECT_EQ(histogram.min(), 1);
  EXPECT_EQ(histogram.max(), 50);
  EXPECT_DOUBLE_EQ(histogram.mean(), 25.5);
}

TEST(Histogram, IsWithinItsPromiseOverManyMagnitudes) {
  Histogram histogram;
  std::vector<std::int64_t> values;
  Rng rng(1);
  for (int i = 0; i < 100'000; ++i) {
    const auto value = static_cast<std::int64_t>(rng.Next() >> (30 + rng.Below(30)));
    values.push_back(value);
    histogram.Record(value);
  }
  std::sort(values.begin(), values.end());
  for (const double part : {0.1, 0.5, 0.9, 0.99, 0.999}) {
    const auto rank = static_cast<std::size_t>(part * static_cast<double>(values.size())) - 1;
    const auto exact = static_cast<double>(values[rank]);
    const auto told = static_cast<double>(histogram.Percentile(part));
    EXPECT_GE(told, exact * 0.999) << part;
    EXPECT_LE(told, exact * 1.017 + 1) << part;
  }
}

TEST(Histogram, MergingIsTheSameAsRecordingTogether) {
  Histogram one;
  Histogram two;
  Histogram both;
  for (std::int64_t i = 0; i < 1000; ++i) {
    (i % 2 == 0 ? one : two).Record(i * i);
    both.Record(i * i);
  }
  one.Merge(two);
  EXPECT_EQ(one.count(), both.count());
  EXPECT_EQ(one.max(), both.max());
  EXPECT_EQ(one.min(), both.min());
  EXPECT_EQ(one.Percentile(0.9), both.Percentile(0.9));
}

TEST(Histogram, WhatIsTooLongCountsAsTheLongest) {
  Histogram histogram;
  histogram.Record(std::int64_t{1} << 60);
  EXPECT_EQ(histogram.count(), 1);
  EXPECT_EQ(histogram.max(), std::int64_t{1} << 60);
  EXPECT_GT(histogram.Percentile(0.5), std::int64_t{1} << 37);
}

TEST(Histogram, EmptyIsZero) { EXPECT_EQ(Histogram().Percentile(0.99), 0); }

}  // namespace
}  // namespace cairn::bench
