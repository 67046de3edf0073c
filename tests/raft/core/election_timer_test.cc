#include "raft/core/election_timer.h"

#include <gtest/gtest.h>

#include <map>

namespace cairn::raft {
namespace {

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
