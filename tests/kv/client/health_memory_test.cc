#include "kv/client/health_memory.h"

#include <gtest/gtest.h>

namespace cairn::kv::client {
namespace {

using Order = std::vector<std::size_t>;
const SteadyTime kStart = SteadyTime() + std::chrono::hours(1);

SteadyTime After(int milliseconds) { return kStart + std::chrono::milliseconds(milliseconds); }

TEST(HealthMemory, BeginsWithTheFirstAndGoesRound) {
  EXPECT_EQ(HealthMemory(3).Order(kStart), (Order{0, 1, 2}));
  EXPECT_EQ(HealthMemory(3, 1).Order(kStart), (Order{1, 2, 0}));
}

TEST(HealthMemory, StaysWithTheOneThatAnswered) {
  HealthMemory memory(3);
  memory.Succeeded(2);
  EXPECT_EQ(memory.Order(kStart), (Order{2, 0, 1}));
}

TEST(HealthMemory, AvoidsOneThatFailedForAWhileAndLongerEachTime) {
  HealthMemory memory(3);
  memory.Failed(0, kStart);
  EXPECT_EQ(memory.Order(After(99)), (Order{1, 2, 0}));
  EXPECT_EQ(memory.Order(After(100)), (Order{0, 1, 2}));
  memory.Failed(0, After(100));
  EXPECT_EQ(memory.Order(After(299)), (Order{1, 2, 0}));
  EXPECT_EQ(memory.Order(After(300)), (Order{0, 1, 2}));
}

TEST(HealthMemory, WhenAllFailedTheOneWhoseTimeIsUpFirstComesFirst) {
  HealthMemory memory(3);
  memory.Failed(0, After(30));
  memory.Failed(1, After(10));
  memory.Failed(2, After(20));
  EXPECT_EQ(memory.Order(After(40)), (Order{1, 2, 0}));
}

TEST(HealthMemory, ForgivesAtOnceWhenItAnswersAgain) {
  HealthMemory memory(2);
  for (int i = 0; i < 20; ++i) memory.Failed(0, kStart);
  memory.Succeeded(0);
  EXPECT_EQ(memory.Order(kStart), (Order{0, 1}));
}

TEST(HealthMemory, NeverAvoidsForMoreThanAFewSeconds) {
  HealthMemory memory(2);
  for (int i = 0; i < 100; ++i) memory.Failed(0, kStart);
  EXPECT_EQ(memory.Order(After(3200)), (Order{0, 1}));
}

}  // namespace
}  // namespace cairn::kv::client
