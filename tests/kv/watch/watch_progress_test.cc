// Progress: asked for, and at intervals.
#include "tests/kv/watch/watch_test_base.h"

namespace cairn::kv {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

class WatchProgress : public WatchTest {
 protected:
  static WatchOptions SmallRing() {
    WatchOptions options;
    options.ring_bytes = 4096;
    options.progress_interval = milliseconds(1000);
    return options;
  }
  WatchProgress() : WatchTest(SmallRing()) {}

  // Longer than the interval and its jitter.
  void PassInterval() {
    now_ += milliseconds(1200);
    hub->Tick(now_);
  }

  steady_clock::time_point now_;
};

TEST_F(WatchProgress, RequestIsAnsweredWithoutAWatchIdAtTheCurrentRevision) {
  client.Created({.key = "a"});
  store.Put("b", "1");
  client.RequestProgress();

  const auto response = client.Take();
  ASSERT_TRUE(response);
  EXPECT_EQ(response->watch_id(), -1);
  EXPECT_EQ(Describe(*response), "2:");
  EXPECT_FALSE(client.Take());
}

TEST_F(WatchProgress, RequestIsAnsweredAfterAllEventsUpToItsRevision) {
  client.Created({.key = "a"});
  client.Created({.key = "a", .range_end = "c"});
  store.Put("a", "1");
  store.Put("a", "2");
  client.RequestProgress();
  store.Put("a", "3");

  const std::vector<std::string> all = client.TakeAll();
  const auto progress = std::find(all.begin(), all.end(), "3:");
  ASSERT_NE(progress, all.end());
  EXPECT_EQ(std::count(all.begin(), progress, "2: PUT a=1"), 2);
  EXPECT_EQ(std::count(all.begin(), progress, "3: PUT a=2"), 2);
  EXPECT_EQ(std::count(all.begin(), all.end(), "4: PUT a=3"), 2);
}

TEST_F(WatchProgress, RequestIsAnsweredWhileWritersGoOn) {
  client.Created({.key = "a"});
  store.Put("a", "0");
  client.RequestProgress();
  bool answered = false;
  for (int i = 0; i < 10 && !answered; ++i) {
    store.Put("a", "x");  // The stream always has something else to send.
    answered = client.Take()->watch_id() == -1;
  }

  EXPECT_TRUE(answered);
}

TEST_F(WatchProgress, RequestDuringCatchUpIsNeverAnswered) {
  for (int i = 0; i < 100; ++i) store.Put("a", "x");
  client.Created({.key = "a", .start_revision = 2});
  client.RequestProgress();

  while (const auto response = client.Take()) EXPECT_EQ(response->watch_id(), 0);
}

TEST_F(WatchProgress, RequestWithAFutureWatchIsNotAnswered) {
  client.Created({.key = "a", .start_revision = 10});
  client.RequestProgress();
  EXPECT_THAT(client.TakeAll(), IsEmpty());

  while (store.current_revision() < Revision{9}) store.Put("b", "x");
  client.RequestProgress();
  EXPECT_THAT(client.TakeAll(), IsEmpty());
  store.Put("b", "x");
  client.RequestProgress();
  EXPECT_THAT(client.TakeAll(), ElementsAre("10:"));
}

TEST_F(WatchProgress, RequestWithoutWatchesIsNotAnswered) {
  client.RequestProgress();

  EXPECT_THAT(client.TakeAll(), IsEmpty());
}

TEST_F(WatchProgress, RequestCoversWhatWasReadableWhenItCame) {
  client.Created({.key = "a"});
  client.TakeAll();
  store.HoldFeed();
  store.Put("b", "1");
  client.RequestProgress();
  EXPECT_THAT(client.TakeAll(), IsEmpty());
  const int before = client.wakes();
  store.ReleaseFeed();

  EXPECT_EQ(client.wakes(), before + 1);
  EXPECT_THAT(client.TakeAll(), ElementsAre("2:"));
}

TEST_F(WatchProgress, RequestsThatCannotBeAnsweredYetAreAnsweredTogether) {
  client.Created({.key = "a"});
  store.Put("a", "1");
  for (int i = 0; i < 1000; ++i) client.RequestProgress();

  EXPECT_THAT(client.TakeAll(), ElementsAre("2: PUT a=1", "2:", "2:"));
}

TEST_F(WatchProgress, ASecondRequestCoversWhatWasReadableWhenItCame) {
  client.Created({.key = "a"});
  store.Put("a", "1");
  client.RequestProgress();
  store.HoldFeed();
  store.Put("b", "1");
  client.RequestProgress();

  EXPECT_THAT(client.TakeAll(), ElementsAre("2: PUT a=1", "2:"));
  store.ReleaseFeed();
  EXPECT_THAT(client.TakeAll(), ElementsAre("3:"));
}

TEST_F(WatchProgress, RequestIsAnsweredWhenTheWatchItWaitedForIsCancelled) {
  client.Created({.key = "a"});
  client.Created({.key = "b"});
  store.Put("a", "1");
  client.RequestProgress();
  client.Cancel(0);

  EXPECT_THAT(client.TakeAll(), ElementsAre("2: canceled", "2:"));
}

TEST_F(WatchProgress, NotificationsComeAtTheIntervalToThoseWhoAskedAndKeepUp) {
  client.Created({.key = "a", .progress_notify = true});
  client.Created({.key = "a"});
  store.Put("b", "1");
  hub->Tick(now_);
  EXPECT_THAT(client.TakeAll(), IsEmpty());
  hub->Tick(now_ + milliseconds(900));
  EXPECT_THAT(client.TakeAll(), IsEmpty());
  const int before = client.wakes();
  PassInterval();

  EXPECT_EQ(client.wakes(), before + 1);
  const auto response = client.Take();
  ASSERT_TRUE(response);
  EXPECT_EQ(response->watch_id(), 0);
  EXPECT_EQ(Describe(*response), "2:");
  EXPECT_FALSE(client.Take());
}

TEST_F(WatchProgress, NotificationIsSkippedAfterAnEvent) {
  client.Created({.key = "a", .progress_notify = true});
  hub->Tick(now_);
  store.Put("a", "1");
  client.TakeAll();
  PassInterval();
  EXPECT_THAT(client.TakeAll(), IsEmpty());

  PassInterval();
  EXPECT_THAT(client.TakeAll(), ElementsAre("2:"));
}

TEST_F(WatchProgress, NotificationGivesWayToAnEventThatComesBeforeItIsTaken) {
  client.Created({.key = "a", .progress_notify = true});
  hub->Tick(now_);
  PassInterval();
  store.Put("a", "1");

  EXPECT_THAT(client.TakeAll(), ElementsAre("2: PUT a=1"));
}

TEST_F(WatchProgress, NotificationsDoNotAddUpForAClientThatTakesNothing) {
  client.Created({.key = "a", .progress_notify = true});
  hub->Tick(now_);
  for (int i = 0; i < 100; ++i) PassInterval();

  EXPECT_THAT(client.TakeAll(), ElementsAre("1:"));
}

TEST_F(WatchProgress, NoNotificationBeforeAFutureStart) {
  client.Created({.key = "a", .start_revision = 10, .progress_notify = true});
  hub->Tick(now_);
  PassInterval();

  EXPECT_THAT(client.TakeAll(), IsEmpty());
}

}  // namespace
}  // namespace cairn::kv
