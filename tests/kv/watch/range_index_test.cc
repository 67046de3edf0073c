#include "kv/watch/range_index.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "raft/base/rng.h"

namespace cairn::kv {
namespace {

std::string RandomKey(Rng& rng) {
  std::string key;
  for (std::uint64_t i = rng.Between(1, 4); i > 0; --i) key.push_back(static_cast<char>('a' + rng.Below(4)));
  return key;
}

KeyRange RandomRange(Rng& rng) {
  while (true) {
    const std::string key = RandomKey(rng);
    std::string end = RandomKey(rng);
    if (rng.Chance(1, 3)) end.clear();
    if (rng.Chance(1, 10)) end = std::string("\0", 1);
    KeyRange range = KeyRange::FromRequest(key, end);
    if (!range.IsEmpty()) return range;
  }
}

TEST(RangeIndex, FindsExactlyTheRangesThatContainAKeyLikeALinearSearch) {
  Rng rng(7);
  for (int round = 0; round < 20; ++round) {
    RangeIndex index(1);
    std::set<RangeGroup*> all;
    for (int step = 0; step < 300; ++step) {
      if (!all.empty() && rng.Chance(1, 3)) {
        auto victim = all.begin();
        std::advance(victim, static_cast<std::ptrdiff_t>(rng.Below(all.size())));
        index.Erase(**victim);
        all.erase(victim);
      } else {
        all.insert(&index.FindOrCreate(RandomRange(rng), Revision{1}));
      }
      ASSERT_EQ(index.size(), all.size());

      const std::string key = RandomKey(rng);
      std::multiset<RangeGroup*> found;
      index.ForEachContaining(key, [&](RangeGroup& group) { found.insert(&group); });
      std::multiset<RangeGroup*> expected;
      for (RangeGroup* const group : all) {
        if (group->range.Contains(key)) expected.insert(group);
      }
      ASSERT_EQ(found, expected) << "round " << round << " step " << step << " key " << key;
    }
  }
}

TEST(RangeIndex, EqualRangesShareAGroup) {
  RangeIndex index(1);
  RangeGroup& single = index.FindOrCreate(KeyRange::FromRequest("a", ""), Revision{1});
  RangeGroup& range = index.FindOrCreate(KeyRange::FromRequest("a", "b"), Revision{1});
  RangeGroup& rest = index.FindOrCreate(KeyRange::FromRequest("a", std::string_view("\0", 1)), Revision{1});

  EXPECT_EQ(&index.FindOrCreate(KeyRange::FromRequest("a", ""), Revision{9}), &single);
  EXPECT_EQ(&index.FindOrCreate(KeyRange::FromRequest("a", "b"), Revision{9}), &range);
  EXPECT_EQ(&index.FindOrCreate(KeyRange::FromRequest("a", std::string_view("\0", 1)), Revision{9}), &rest);
  EXPECT_EQ(index.size(), 3U);
  EXPECT_EQ(single.floor, Revision{1});
}

}  // namespace
}  // namespace cairn::kv
