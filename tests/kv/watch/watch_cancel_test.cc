// How watches end, and what wakes a transport.
#include "tests/kv/watch/watch_test_base.h"

namespace cairn::kv {
namespace {

class WatchCancel : public WatchTest {};

TEST_F(WatchCancel, AnswersWithTheIdAndTheCurrentHeader) {
  client.Created({.key = "a"});
  store.Put("b", "1");
  client.Cancel(0);

  const auto response = client.Take();
  ASSERT_TRUE(response);
  EXPECT_EQ(response->watch_id(), 0);
  EXPECT_EQ(Describe(*response), "2: canceled");
}

TEST_F(WatchCancel, HeaderIsNotBelowThatOfTheCreation) {
  store.HoldFeed();
  store.Put("a", "1");
  EXPECT_EQ(client.Created({.key = "a"}).header().revision(), 2);
  client.Cancel(0);

  EXPECT_THAT(client.TakeAll(), ElementsAre("2: canceled"));
}

TEST_F(WatchCancel, NothingWithThatIdFollowsEvenIfEventsWereReady) {
  client.Created({.key = "a"});
  client.Created({.key = "a", .range_end = "c"});
  store.Put("a", "1");
  client.Cancel(0);
  store.Put("a", "2");

  EXPECT_THAT(client.TakeAll(), ElementsAre("2: canceled", "2: PUT a=1", "3: PUT a=2"));
}

TEST_F(WatchCancel, UnknownIdIsMetWithSilence) {
  client.Created({.key = "a"});
  client.Cancel(5);

  EXPECT_THAT(client.TakeAll(), IsEmpty());
}

TEST_F(WatchCancel, TwiceIsAnsweredOnce) {
  client.Created({.key = "a"});
  client.Cancel(0);
  client.Cancel(0);

  EXPECT_THAT(client.TakeAll(), ElementsAre("1: canceled"));
}

TEST_F(WatchCancel, AfterACompactionCancelIsAnsweredOnceMore) {
  store.Put("a", "1");
  store.Put("a", "2");
  store.Compact(Revision{3});
  client.Create({.key = "a", .start_revision = 2});
  client.TakeAll();
  client.Cancel(0);
  client.Cancel(0);

  EXPECT_THAT(client.TakeAll(), ElementsAre("3: canceled"));
}

TEST_F(WatchCancel, TheIdMayBeUsedAgainWhenAskedFor) {
  client.Created({.key = "a", .watch_id = 9});
  client.Cancel(9);
  client.TakeAll();

  EXPECT_EQ(client.Created({.key = "a", .watch_id = 9}).watch_id(), 9);
}

TEST_F(WatchCancel, LastWatchOfARangeLeavesNothingBehind) {
  client.Created({.key = "a"});
  client.Created({.key = "a", .range_end = "c"});
  client.Cancel(0);
  client.Cancel(1);
  client.TakeAll();
  store.Put("a", "1");

  EXPECT_THAT(client.TakeAll(), IsEmpty());
  EXPECT_EQ(hub->counts().watchers, 0U);
}

TEST_F(WatchCancel, ClosingAStreamEndsItsWatches) {
  client.Created({.key = "a"});
  client.Close();
  store.Put("a", "1");

  EXPECT_EQ(hub->counts().streams, 0U);
  EXPECT_EQ(hub->counts().watchers, 0U);
}

TEST_F(WatchCancel, ManyCompactionCancelsDoNotAddUp) {
  store.Put("a", "1");
  store.Put("a", "2");
  store.Compact(Revision{3});
  for (int i = 0; i < 3000; ++i) client.Create({.key = "a", .start_revision = 2});

  EXPECT_EQ(client.TakeAll().size(), 6000U);
  EXPECT_EQ(hub->counts().watchers, 1024U);
}

class WatchWake : public WatchTest {};

TEST_F(WatchWake, CalledOnceForATakeThatReturnedNothing) {
  client.Created({.key = "a"});
  const int before = client.wakes();
  EXPECT_FALSE(client.Take());
  store.Put("a", "1");
  store.Put("a", "2");

  EXPECT_EQ(client.wakes(), before + 1);
}

TEST_F(WatchWake, NotCalledWhileTheTransportHasNotAskedInVain) {
  client.Created({.key = "a"});
  const int before = client.wakes();
  store.Put("a", "1");

  EXPECT_EQ(client.wakes(), before);
  EXPECT_EQ(client.TakeAll().size(), 1U);
}

TEST_F(WatchWake, NotCalledForWhatIsNotWatched) {
  client.Created({.key = "a"});
  client.TakeAll();
  const int before = client.wakes();
  store.Put("b", "1");

  EXPECT_EQ(client.wakes(), before);
}

TEST_F(WatchWake, CalledForAnAnswer) {
  client.Created({.key = "a"});
  EXPECT_FALSE(client.Take());
  const int before = client.wakes();
  client.Cancel(0);

  EXPECT_EQ(client.wakes(), before + 1);
}

TEST_F(WatchWake, ASlowStreamDoesNotKeepAnotherWaiting) {
  TestClient slow(*hub);
  slow.Created({.key = "a"});
  client.Created({.key = "a"});
  for (int i = 0; i < 10; ++i) {
    store.Put("a", std::to_string(i));
    EXPECT_EQ(client.TakeAll().size(), 1U);
  }

  EXPECT_EQ(slow.TakeAll().size(), 10U);
}

}  // namespace
}  // namespace cairn::kv
