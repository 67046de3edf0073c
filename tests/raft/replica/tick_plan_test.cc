#include "raft/replica/tick_plan.h"

#include <gtest/gtest.h>

namespace cairn::raft {
namespace {

using std::chrono::milliseconds;

constexpr TickPlan::Time kStart{std::chrono::seconds(1000)};

TEST(TickPlan, ATickThatIsLateDoesNotPutOffTheNext) {
  TickPlan plan(kStart, milliseconds(10));
  EXPECT_FALSE(plan.TakeDue(kStart + milliseconds(9)));
  EXPECT_TRUE(plan.TakeDue(kStart + milliseconds(13)));
  EXPECT_EQ(plan.next(), kStart + milliseconds(20));
}

// R102: a process that was stopped for five seconds must not think that it heard nobody for 500 ticks.
TEST(TickPlan, AfterAStallOneTickStandsForAllThatWereMissed) {
  TickPlan plan(kStart, milliseconds(10));
  const TickPlan::Time awake = kStart + milliseconds(5003);
  EXPECT_TRUE(plan.TakeDue(awake));
  EXPECT_FALSE(plan.TakeDue(awake));
  EXPECT_EQ(plan.next(), awake + milliseconds(10));
}

}  // namespace
}  // namespace cairn::raft
