#include "kv/watch/range_tree.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <pthread.h>

#include <algorithm>
#include <numeric>
#include <vector>

namespace cairn::kv {
namespace {

// Ranges in such an order that the tree with this seed is a path: the higher a priority, the smaller the
// range.
std::vector<KeyRange> ChosenFor(std::uint64_t seed, std::size_t count) {
  Rng rng(seed);
  std::vector<std::uint64_t> priorities;
  for (std::size_t i = 0; i < count; ++i) priorities.push_back(rng.Next());
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return priorities[a] > priorities[b]; });
  std::vector<KeyRange> ranges(count);
  for (std::size_t rank = 0; rank < count; ++rank) {
    ranges[order[rank]] = {.begin = fmt::format("{:08}", rank), .end = fmt::format("{:08}x", rank)};
  }
  return ranges;
}

void InsertAll(const std::vector<KeyRange>& ranges, RangeTree<const KeyRange>& tree) {
  for (const KeyRange& range : ranges) tree.Insert(range, &range);
}

TEST(RangeTree, RangesChosenForOneSeedAreShallowUnderAnother) {
  const std::vector<KeyRange> ranges = ChosenFor(1, 3000);
  RangeTree<const KeyRange> known(1);
  RangeTree<const KeyRange> secret(2);
  InsertAll(ranges, known);
  InsertAll(ranges, secret);

  EXPECT_EQ(known.depth(), 3000U);
  EXPECT_LE(secret.depth(), 60U);
}

void* UseAPath(void* found) {
  const std::vector<KeyRange> ranges = ChosenFor(1, 8000);
  RangeTree<const KeyRange> tree(1);
  InsertAll(ranges, tree);
  const auto count = [&](const KeyRange&) { ++*static_cast<int*>(found); };
  for (std::size_t i = 0; i < 100; ++i) tree.ForEachContaining(ranges[i].begin, count);
  for (std::size_t i = 0; i < 100; ++i) tree.Erase(ranges[i]);
  tree.ForEachContaining(ranges[200].begin, count);
  return nullptr;
}

TEST(RangeTree, ADeepTreeNeedsNoDeepStack) {
  pthread_attr_t small;
  ASSERT_EQ(pthread_attr_init(&small), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&small, 256 << 10), 0);
  int found = 0;
  pthread_t thread{};
  ASSERT_EQ(pthread_create(&thread, &small, UseAPath, &found), 0);
  ASSERT_EQ(pthread_join(thread, nullptr), 0);
  pthread_attr_destroy(&small);

  EXPECT_EQ(found, 101);
}

}  // namespace
}  // namespace cairn::kv
