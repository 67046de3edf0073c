#pragma once

#include <cstdint>
#include <vector>

namespace cairn::bench {

// Counts latencies in buckets whose width grows with the value: 64 buckets per power of two, so a reported
// value is wrong by less than 1.6 %. Range 1 ns to about 4 minutes; what is longer counts as that. Not
// thread-safe; each thread has its own, and they are merged.
class Histogram {
 public:
  Histogram();

  void Record(std::int64_t nanoseconds);
  void Merge(const Histogram& other);

  std::int64_t count() const { return count_; }
  std::int64_t max() const { return max_; }  // Exact.
  std::int64_t min() const { return min_; }  // Exact; 0 if empty.
  double mean() const { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }

  // The smallest latency that `part` (0 to 1) of all do not exceed, rounded up to the end of its bucket but
  // never beyond max(). 0 if empty.
  std::int64_t Percentile(double part) const;

 private:
  static std::size_t BucketOf(std::int64_t nanoseconds);
  static std::int64_t LastOf(std::size_t bucket);

  std::vector<std::int64_t> buckets_;
  std::int64_t count_ = 0;
  std::int64_t max_ = 0;
  std::int64_t min_ = 0;
  double sum_ = 0;
};

}  // namespace cairn::bench
