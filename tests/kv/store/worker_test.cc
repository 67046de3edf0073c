#include "kv/store/worker.h"

#include <absl/synchronization/notification.h>
#include <gtest/gtest.h>

#include <string>

namespace cairn::kv {
namespace {

TEST(Worker, UrgentTasksGoBeforeIdleOnesAndStopDropsTheRest) {
  ManualWorker worker;
  std::string order;
  worker.Post(Worker::Urgency::kWhenIdle, [&order] { order += "idle "; });
  worker.Post(Worker::Urgency::kSoon, [&order] { order += "soon "; });
  worker.RunAll();
  EXPECT_EQ(order, "soon idle ");
  worker.Post(Worker::Urgency::kSoon, [&order] { order += "dropped "; });
  worker.Stop();
  worker.RunAll();
  EXPECT_EQ(order, "soon idle ");
}

TEST(Worker, AnInlineWorkerHasDoneEverythingWhenPostReturns) {
  const auto worker = MakeInlineWorker();
  int done = 0;
  worker->Post(Worker::Urgency::kSoon, [&] {
    ++done;
    worker->Post(Worker::Urgency::kWhenIdle, [&done] { ++done; });
  });
  EXPECT_EQ(done, 2);
}

TEST(Worker, AThreadRunsTasksAndStopsWhileOneWaits) {
  const auto worker = MakeThreadWorker(std::chrono::hours(1));
  absl::Notification ran;
  worker->Post(Worker::Urgency::kWhenIdle, [] { FAIL() << "its pause is not over"; });
  worker->Post(Worker::Urgency::kSoon, [&ran] { ran.Notify(); });
  EXPECT_TRUE(ran.WaitForNotificationWithTimeout(absl::Seconds(10)));
  worker->Stop();
}

}  // namespace
}  // namespace cairn::kv
