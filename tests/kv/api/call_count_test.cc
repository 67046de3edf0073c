#include "kv/api/call_count.h"

#include <gtest/gtest.h>

#include <thread>

namespace cairn::kv::api {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

TEST(CallCount, NothingNeedNotBeAwaited) {
  CallCount count;
  EXPECT_TRUE(count.AwaitNone(Clock::now()));
  EXPECT_EQ(count.Begin(), 1U);
  EXPECT_EQ(count.Begin(), 2U);
  count.End();
  count.End();
  EXPECT_TRUE(count.AwaitNone(Clock::now()));
}

TEST(CallCount, WhatDoesNotEndIsAwaitedUntilTheDeadline) {
  CallCount count;
  count.Begin();
  EXPECT_FALSE(count.AwaitNone(Clock::now() + milliseconds(1)));
  EXPECT_EQ(count.value(), 1U);
}

TEST(CallCount, TheLastEndWakesTheWaiter) {
  CallCount count;
  for (int i = 0; i < 4; ++i) count.Begin();
  std::thread others([&count] {
    for (int i = 0; i < 4; ++i) count.End();
  });
  EXPECT_TRUE(count.AwaitNone(Clock::now() + std::chrono::seconds(20)));
  others.join();
}

}  // namespace
}  // namespace cairn::kv::api
