#include "cmd/cairn-bench/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "raft/base/assert.h"

namespace cairn::bench {
namespace {

constexpr int kFineBits = 6;  // 64 buckets per power of two.
constexpr std::uint64_t kFine = 1U << kFineBits;
constexpr int kLastPower = 37;  // 2^38 ns is 4.6 minutes.
constexpr std::size_t kBuckets = static_cast<std::size_t>(kLastPower - kFineBits + 2) * kFine;

}  // namespace

Histogram::Histogram() : buckets_(kBuckets) {}

// Below 64 each value has a bucket; above, the top seven bits choose it.
std::size_t Histogram::BucketOf(std::int64_t nanoseconds) {
  const auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(nanoseconds, 0));
  if (value < kFine) return static_cast<std::size_t>(value);
  const int power = static_cast<int>(std::bit_width(value)) - 1;
  if (power > kLastPower) return kBuckets - 1;
  const std::uint64_t fine = (value >> (power - kFineBits)) - kFine;
  return static_cast<std::size_t>(static_cast<std::uint64_t>(power - kFineBits + 1) * kFine + fine);
}

std::int64_t Histogram::LastOf(std::size_t bucket) {
  if (bucket < kFine) return static_cast<std::int64_t>(bucket);
  const int shift = static_cast<int>(bucket / kFine) - 1;
  const std::uint64_t fine = bucket % kFine + kFine;
  return static_cast<std::int64_t>(((fine + 1) << shift) - 1);
}

void Histogram::Record(std::int64_t nanoseconds) {
  ++buckets_[BucketOf(nanoseconds)];
  min_ = count_ == 0 ? nanoseconds : std::min(min_, nanoseconds);
  max_ = std::max(max_, nanoseconds);
  sum_ += static_cast<double>(nanoseconds);
  ++count_;
}

void Histogram::Merge(const Histogram& other) {
  if (other.count_ == 0) return;
  for (std::size_t i = 0; i < kBuckets; ++i) buckets_[i] += other.buckets_[i];
  min_ = count_ == 0 ? other.min_ : std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
  sum_ += other.sum_;
  count_ += other.count_;
}

std::int64_t Histogram::Percentile(double part) const {
  CAIRN_ASSERT(part >= 0 && part <= 1, "part={}", part);
  if (count_ == 0) return 0;
  const auto wanted =
      std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(part * static_cast<double>(count_))));
  std::int64_t seen = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    seen += buckets_[i];
    if (seen >= wanted) return std::min(LastOf(i), max_);
  }
  return max_;
}

}  // namespace cairn::bench
