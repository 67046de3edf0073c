// Watchers that do not keep up: catching up, bounds, compaction, and snapshots.
#include "tests/kv/watch/watch_test_base.h"

namespace cairn::kv {
namespace {

class WatchSlow : public WatchTest {
 protected:
  static WatchOptions Small() {
    WatchOptions options;
    options.ring_bytes = 10 * 512;
    options.previous_bytes = 4096;
    options.catch_up_revisions = 20;
    return options;
  }
  WatchSlow() : WatchTest(Small()) {}

  void PutMany(int count, const std::string& key = "a") {
    for (int i = 0; i < count; ++i) store.Put(key, std::to_string(i));
  }

  // Takes everything; expects the revisions [from, to] of one-change revisions in order, each once.
  void ExpectRevisions(std::int64_t from, std::int64_t to) {
    std::int64_t next = from;
    while (const auto response = client.Take()) {
      for (const auto& event : response->events()) EXPECT_EQ(event.kv().mod_revision(), next++);
    }
    EXPECT_EQ(next, to + 1);
  }
};

TEST_F(WatchSlow, WhatHasLeftTheRingIsReadFromTheHistory) {
  client.Created({.key = "a"});
  PutMany(500);

  ExpectRevisions(2, 501);
  EXPECT_GT(store.history_reads, 0);
}

TEST_F(WatchSlow, SearchForARareKeyReadsTheHistoryInBoundedSteps) {
  store.Put("rare", "1");
  PutMany(1000);
  client.Created({.key = "rare", .start_revision = 3});
  const int reads = store.history_reads;

  EXPECT_FALSE(client.stream().Take());
  EXPECT_EQ(store.history_reads - reads, 1);  // Of 20 revisions.
  EXPECT_THAT(client.TakeAll(), IsEmpty());
  EXPECT_GE(store.history_reads - reads, 45);
}

TEST_F(WatchSlow, RejoinsTheFeedAfterCatchingUp) {
  client.Created({.key = "a"});
  PutMany(500);
  client.TakeAll();
  const int reads = store.history_reads;
  store.Put("a", "live");

  EXPECT_THAT(client.TakeAll(), ElementsAre("502: PUT a=live"));
  EXPECT_EQ(store.history_reads, reads);
}

TEST_F(WatchSlow, MoreHitsThanAreRememberedAreFoundInTheRing) {
  WatchOptions large;
  large.ring_bytes = 64 << 20;
  auto roomy = Hub::Create(store, TestIdentity(), large);
  store.SetFeed(roomy.get());
  TestClient reader(*roomy);
  reader.Created({.key = "a"});
  PutMany(5000);

  std::int64_t next = 2;
  while (const auto response = reader.Take()) {
    for (const auto& event : response->events()) EXPECT_EQ(event.kv().mod_revision(), next++);
  }
  EXPECT_EQ(next, 5002);
  EXPECT_EQ(store.history_reads, 0);
}

TEST_F(WatchSlow, HitsOfManyRangesAreBoundedTogether) {
  WatchOptions options;
  options.hits = 2000;
  auto roomy = Hub::Create(store, TestIdentity(), options);
  store.SetFeed(roomy.get());
  TestClient reader(*roomy);
  for (int i = 0; i < 100; ++i) reader.Created({.key = "a", .range_end = "b" + std::to_string(i)});
  PutMany(200);

  EXPECT_LE(roomy->counts().hits, 2000U);
  std::map<std::int64_t, int> delivered;
  while (const auto response = reader.Take()) delivered[response->watch_id()] += response->events_size();
  EXPECT_EQ(delivered.size(), 100U);
  for (const auto& [id, events] : delivered) EXPECT_EQ(events, 200) << "watch " << id;
}

TEST_F(WatchSlow, ChunksAreBoundedInWholeRevisions) {
  for (int i = 0; i < 50; ++i) store.Commit({{"a", "x"}, {"b", "y"}});
  client.Created({.key = "a", .range_end = "c", .start_revision = 2});

  std::vector<int> sizes;
  while (const auto response = client.Take()) {
    sizes.push_back(response->events_size());
    std::map<std::int64_t, int> changes;
    for (const auto& event : response->events()) ++changes[event.kv().mod_revision()];
    for (const auto& [revision, count] : changes)
      EXPECT_EQ(count, 2) << "revision " << revision << " was split";
  }
  EXPECT_THAT(sizes, ElementsAre(40, 40, 20));
}

TEST_F(WatchSlow, HeaderOfAChunkPromisesNoMoreThanItContains) {
  PutMany(50);
  store.Put("other", "x");
  client.Created({.key = "a", .start_revision = 2});

  EXPECT_EQ(client.Take()->header().revision(), 21);
  EXPECT_EQ(client.Take()->header().revision(), 41);
  EXPECT_EQ(client.Take()->header().revision(), 52);  // Caught up: the store's.
}

TEST_F(WatchSlow, HeaderOfTheLastChunkPromisesWhatWasReadAheadOfTheFeed) {
  WatchOptions no_ring;
  no_ring.ring_bytes = 0;
  auto small = Hub::Create(store, TestIdentity(), no_ring);
  store.SetFeed(small.get());
  TestClient reader(*small);
  PutMany(5);
  store.HoldFeed();
  store.Put("other", "x");
  EXPECT_EQ(reader.Created({.key = "a", .start_revision = 2}).header().revision(), 7);

  EXPECT_EQ(reader.Take()->header().revision(), 7);
}

TEST_F(WatchSlow, ChunksFromTheRingAreBoundedLikeThoseFromTheHistory) {
  WatchOptions options = Small();
  options.ring_bytes = 1 << 20;
  auto roomy = Hub::Create(store, TestIdentity(), options);
  store.SetFeed(roomy.get());
  TestClient reader(*roomy);
  PutMany(50);
  reader.Created({.key = "a", .start_revision = 2});

  EXPECT_EQ(reader.Take()->events_size(), 20);
  EXPECT_EQ(reader.Take()->events_size(), 20);
  EXPECT_EQ(reader.Take()->events_size(), 10);
  EXPECT_EQ(store.history_reads, 0);
}

TEST_F(WatchSlow, ChunksAreBoundedInBytes) {
  WatchOptions options = Small();
  options.catch_up_bytes = 1000;
  auto narrow = Hub::Create(store, TestIdentity(), options);
  store.SetFeed(narrow.get());
  TestClient reader(*narrow);
  for (int i = 0; i < 20; ++i) store.Put("a", std::string(400, 'x'));
  reader.Created({.key = "a", .start_revision = 2});

  while (const auto response = reader.Take()) EXPECT_LE(response->events_size(), 3);
}

TEST_F(WatchSlow, IdleWatcherIsNotLostWhenTheRingMovesOn) {
  client.Created({.key = "rare"});
  client.TakeAll();
  PutMany(500);
  store.Compact(Revision{400});
  store.Put("rare", "1");
  PutMany(500);
  store.Compact(Revision{450});

  EXPECT_THAT(client.TakeAll(), ElementsAre("1002: PUT rare=1"));
}

TEST_F(WatchSlow, CompactionPastTheCursorCancels) {
  client.Created({.key = "a"});
  PutMany(500);
  store.Compact(Revision{300});

  EXPECT_THAT(client.TakeAll(), ElementsAre("0: canceled compacted=300"));
  store.Put("a", "after");
  EXPECT_THAT(client.TakeAll(), IsEmpty());
}

TEST_F(WatchSlow, CompactionCancelsOnlyTheWatchThatFellBehind) {
  client.Created({.key = "a"});
  client.Created({.key = "b"});
  PutMany(500);
  store.Compact(Revision{300});
  store.Put("b", "1");

  const std::vector<std::string> all = client.TakeAll();
  EXPECT_THAT(all, ::testing::UnorderedElementsAre("0: canceled compacted=300", "502: PUT b=1"));
}

TEST_F(WatchSlow, CompactionDoesNotCancelWhatIsStillInTheRing) {
  client.Created({.key = "a"});
  PutMany(5);
  store.Compact(Revision{6});

  ExpectRevisions(2, 6);
}

TEST_F(WatchSlow, UnreadableHistoryEndsTheWatchWithTheReason) {
  client.Created({.key = "a"});
  PutMany(500);
  store.history_error = absl::DataLossError("file 7 at 12: checksum");

  const auto response = client.Take();
  ASSERT_TRUE(response);
  EXPECT_TRUE(response->canceled());
  EXPECT_EQ(response->cancel_reason(), "file 7 at 12: checksum");
  EXPECT_EQ(response->compact_revision(), 0);
}

TEST_F(WatchSlow, SnapshotDeliversTheMissedRevisions) {
  client.Created({.key = "a"});
  client.Created({.key = "b"});
  EXPECT_FALSE(client.Take());
  store.Put("a", "1");
  const int before = client.wakes();
  store.HoldFeed();
  store.Put("a", "2");
  store.Put("a", "3");
  store.ReplaceState();
  EXPECT_EQ(client.wakes(), before);
  store.Put("a", "4");

  ExpectRevisions(2, 5);
}

TEST_F(WatchSlow, SnapshotWakesWhoeverMayHaveMissedSomething) {
  client.Created({.key = "a"});
  EXPECT_FALSE(client.Take());
  const int before = client.wakes();
  store.HoldFeed();
  store.Put("a", "1");
  store.ReplaceState();

  EXPECT_EQ(client.wakes(), before + 1);
  EXPECT_THAT(client.TakeAll(), ElementsAre("2: PUT a=1"));
}

TEST_F(WatchSlow, SnapshotThatBringsNothingNewChangesNothing) {
  store.Put("a", "1");
  client.Created({.key = "a"});
  EXPECT_FALSE(client.Take());
  const int before = client.wakes();
  store.ReplaceState();
  EXPECT_EQ(client.wakes(), before);
  store.Put("b", "2");
  store.Put("a", "3");

  EXPECT_THAT(client.TakeAll(), ElementsAre("4: PUT a=3"));
}

TEST_F(WatchSlow, SnapshotWhoseHistoryIsCompactedCancels) {
  client.Created({.key = "a"});
  store.HoldFeed();
  PutMany(10);
  store.Compact(Revision{8});
  store.ReplaceState();

  EXPECT_THAT(client.TakeAll(), ElementsAre("0: canceled compacted=8"));
}

TEST_F(WatchSlow, SnapshotDoesNotStartAFutureWatchEarly) {
  client.Created({.key = "a", .start_revision = 6});
  store.HoldFeed();
  PutMany(3);
  store.ReplaceState();
  PutMany(3);

  ExpectRevisions(6, 7);
}

TEST_F(WatchSlow, RevisionLargerThanTheRingIsDeliveredFromTheHistory) {
  client.Created({.key = "a"});
  store.Put("a", std::string(100000, 'x'));
  EXPECT_EQ(hub->counts().ring_bytes, 0U);

  EXPECT_EQ(client.Take()->events(0).kv().value().size(), 100000U);
}

TEST_F(WatchSlow, RevisionFedWithoutItsEventsIsReadFromTheHistory) {
  store.LimitFed(2);
  client.Created({.key = "a"});
  EXPECT_FALSE(client.Take());
  const int before = client.wakes();
  store.Put("a", "1");
  store.Commit({{"b", "x"}, {"a", "2"}, {"c", "y"}});
  store.Put("a", "3");

  EXPECT_EQ(client.wakes(), before + 1);
  ExpectRevisions(2, 4);
}

TEST_F(WatchSlow, RevisionFedWithoutItsEventsConcernsOnlyWhoMayMatch) {
  store.LimitFed(2);
  client.Created({.key = "a"});
  client.Created({.key = "x", .range_end = std::string("\0", 1)});
  EXPECT_FALSE(client.Take());
  const int before = client.wakes();
  store.Commit({{"b", "1"}, {"c", "1"}, {"d", "1"}});

  EXPECT_EQ(client.wakes(), before);
  EXPECT_THAT(client.TakeAll(), IsEmpty());
  EXPECT_EQ(store.history_reads, 0);
  store.Put("a", "1");
  EXPECT_THAT(client.TakeAll(), ElementsAre("3: PUT a=1"));
}

TEST_F(WatchSlow, RevisionFedWithoutItsEventsDoesNotStartAFutureWatchEarly) {
  store.LimitFed(1);
  client.Created({.key = "a", .start_revision = 3});
  store.Commit({{"a", "1"}, {"b", "1"}});
  EXPECT_THAT(client.TakeAll(), IsEmpty());
  store.Commit({{"a", "2"}, {"b", "2"}});

  EXPECT_THAT(client.TakeAll(), ElementsAre("3: PUT a=2"));
}

TEST_F(WatchSlow, MemoryDoesNotGrowWithAWatcherThatNeverTakes) {
  client.Created({.key = "", .range_end = std::string("\0", 1), .prev_kv = true});
  TestClient fast(*hub);
  fast.Created({.key = "", .range_end = std::string("\0", 1), .prev_kv = true});
  for (int i = 0; i < 20000; ++i) {
    store.Put("key" + std::to_string(i % 100), std::string(100, 'x'));
    fast.TakeAll();
    ASSERT_LE(hub->counts().ring_bytes, Small().ring_bytes + Small().previous_bytes);
  }

  // What the hub keeps is the ring; that nothing else holds on to a revision shows in its reference count.
  long held = 0;
  for (const auto& revision : store.Everything()) held += revision.use_count() > 2 ? 1 : 0;
  EXPECT_LE(held, 10);
  EXPECT_EQ(hub->counts().slow_watchers, 1U);
}

TEST_F(WatchSlow, TakeThatFindsNothingStopsAndAsksToBeCalledAgain) {
  WatchOptions options = Small();
  auto many = Hub::Create(store, TestIdentity(), options);
  store.SetFeed(many.get());
  TestClient reader(*many);
  for (int i = 0; i < 100; ++i) reader.Created({.key = "b"});
  PutMany(100, "b");
  PutMany(100);
  for (int i = 0; i < 100; ++i) reader.Created({.key = "none" + std::to_string(i), .start_revision = 2});
  reader.TakeAll();
  for (int i = 0; i < 100; ++i) reader.Created({.key = "none" + std::to_string(i), .start_revision = 2});

  const int reads = store.history_reads;
  const int wakes = reader.wakes();
  EXPECT_FALSE(reader.stream().Take());
  EXPECT_EQ(store.history_reads - reads, 1);
  EXPECT_EQ(reader.wakes(), wakes + 1);
}

}  // namespace
}  // namespace cairn::kv
