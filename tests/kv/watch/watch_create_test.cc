// What a create request is answered, and where its events begin.
#include "tests/kv/watch/watch_test_base.h"

namespace cairn::kv {
namespace {

class WatchCreate : public WatchTest {};

TEST_F(WatchCreate, AnswersOncePerRequestInRequestOrderBeforeAnyEvent) {
  store.Put("a", "1");
  client.Create({.key = "a", .start_revision = 2});
  client.Create({.key = "b"});
  client.Create({.key = "a", .start_revision = 2});

  EXPECT_THAT(client.TakeAll(),
              ElementsAre("2: created", "2: created", "2: created", "2: PUT a=1", "2: PUT a=1"));
}

TEST_F(WatchCreate, HeaderNamesTheAnsweringMember) {
  const auto response = client.Created({.key = "a"});

  EXPECT_EQ(response.header().cluster_id(), 77U);
  EXPECT_EQ(response.header().member_id(), 11U);
  EXPECT_EQ(response.header().raft_term(), 3U);
  EXPECT_EQ(response.header().revision(), 1);
}

TEST_F(WatchCreate, IdsCountFromZeroAndSkipWhatIsTaken) {
  EXPECT_EQ(client.Created({.key = "a"}).watch_id(), 0);
  EXPECT_EQ(client.Created({.key = "a", .watch_id = 1}).watch_id(), 1);
  EXPECT_EQ(client.Created({.key = "a"}).watch_id(), 2);
}

TEST_F(WatchCreate, IdsOfCancelledWatchesAreNotGivenAgain) {
  client.Created({.key = "a"});
  client.Cancel(0);
  client.TakeAll();

  EXPECT_EQ(client.Created({.key = "a"}).watch_id(), 1);
}

TEST_F(WatchCreate, IdsAreCountedPerStream) {
  client.Created({.key = "a"});
  TestClient other(*hub);

  EXPECT_EQ(other.Created({.key = "a"}).watch_id(), 0);
}

TEST_F(WatchCreate, DuplicateIdIsRefusedAndTheExistingWatchUnharmed) {
  client.Created({.key = "a", .watch_id = 7});
  client.Create({.key = "b", .watch_id = 7});

  const auto refusal = client.Take();
  EXPECT_EQ(refusal->watch_id(), -1);
  EXPECT_EQ(Describe(*refusal),
            "1: created canceled \"mvcc: duplicate watch ID provided on the WatchStream\"");
  store.Put("a", "1");
  store.Put("b", "1");
  EXPECT_THAT(client.TakeAll(), ElementsAre("2: PUT a=1"));
}

TEST_F(WatchCreate, EmptyRangeIsRefused) {
  for (const char* range_end : {"b", "a"}) {
    client.Create({.key = "b", .range_end = range_end});
    const auto refusal = client.Take();
    EXPECT_EQ(refusal->watch_id(), -1);
    EXPECT_EQ(Describe(*refusal), "1: created canceled \"mvcc: watcher range is empty\"");
  }
}

TEST_F(WatchCreate, NegativeStartIsRefused) {
  client.Create({.key = "a", .start_revision = -1});

  const auto refusal = client.Take();
  EXPECT_EQ(refusal->watch_id(), -1);
  EXPECT_EQ(Describe(*refusal),
            "1: created canceled \"etcdserver: mvcc: required revision has been compacted\"");
}

class WatchCaps : public WatchTest {
 protected:
  static WatchOptions Small() {
    WatchOptions options;
    options.watches_per_stream = 3;
    options.watch_bytes = 4000;
    options.max_key_bytes = 2000;
    return options;
  }
  WatchCaps() : WatchTest(Small()) {}
};

TEST_F(WatchCaps, OneWatchMoreThanAStreamMayHaveIsRefusedAndTheOthersGoOn) {
  for (int i = 0; i < 3; ++i) client.Created({.key = "a"});
  client.Create({.key = "a"});

  const auto refusal = client.Take();
  EXPECT_EQ(refusal->watch_id(), -1);
  EXPECT_EQ(Describe(*refusal),
            "1: created canceled \"etcdserver: the stream has 3 watches already; cancel some or open another "
            "stream\"");
  store.Put("a", "1");
  EXPECT_THAT(client.TakeAll(), ElementsAre("2: PUT a=1", "2: PUT a=1", "2: PUT a=1"));
  client.Cancel(0);
  client.TakeAll();
  EXPECT_FALSE(client.Created({.key = "a"}).canceled());
}

TEST_F(WatchCaps, WatchesThatTakeTooMuchTogetherAreRefusedAndTheOthersGoOn) {
  client.Created({.key = "a", .range_end = std::string(1500, 'b')});
  TestClient other(*hub);
  other.Created({.key = "a"});
  other.Create({.key = "a", .range_end = std::string(1500, 'b')});

  EXPECT_EQ(
      Describe(*other.Take()),
      "1: created canceled \"etcdserver: the watches of this member take the 4000 bytes that are set aside "
      "for them; cancel some or ask another member\"");
  store.Put("a", "1");
  EXPECT_THAT(other.TakeAll(), ElementsAre("2: PUT a=1"));
  EXPECT_THAT(client.TakeAll(), ElementsAre("2: PUT a=1"));
  client.Close();
  EXPECT_FALSE(other.Created({.key = "a", .range_end = std::string(1500, 'b')}).canceled());
  other.Close();
  EXPECT_EQ(hub->counts().watch_bytes, 0U);
}

TEST_F(WatchCaps, KeysLargerThanARequestMayBeAreRefused) {
  client.Create({.key = std::string(1500, 'a'), .range_end = std::string(1500, 'b')});

  EXPECT_EQ(Describe(*client.Take()), "1: created canceled \"etcdserver: request is too large\"");
}

TEST_F(WatchCreate, StartZeroMeansStrictlyAfterTheHeaderRevision) {
  store.Put("a", "1");
  EXPECT_EQ(client.Created({.key = "a"}).header().revision(), 2);

  EXPECT_THAT(client.TakeAll(), IsEmpty());
  store.Put("a", "2");
  EXPECT_THAT(client.TakeAll(), ElementsAre("3: PUT a=2"));
}

TEST_F(WatchCreate, StartInThePastIsInclusive) {
  store.Put("a", "1");
  store.Put("a", "2");
  store.Put("a", "3");
  client.Created({.key = "a", .start_revision = 3});

  EXPECT_THAT(client.TakeAll(), ElementsAre("4: PUT a=2 PUT a=3"));
}

TEST_F(WatchCreate, StartInTheFutureDeliversNothingBelow) {
  client.Created({.key = "a", .start_revision = 4});
  store.Put("a", "2");
  store.Put("a", "3");
  EXPECT_THAT(client.TakeAll(), IsEmpty());

  store.Put("a", "4");
  EXPECT_THAT(client.TakeAll(), ElementsAre("4: PUT a=4"));
}

TEST_F(WatchCreate, StartBelowTheCompactionIsCreatedThenCancelled) {
  store.Put("a", "1");
  store.Put("a", "2");
  store.Compact(Revision{3});
  client.Create({.key = "a", .start_revision = 2});

  const auto created = client.Take();
  const auto cancelled = client.Take();
  EXPECT_EQ(Describe(*created), "3: created");
  EXPECT_EQ(Describe(*cancelled), "0: canceled compacted=3");
  EXPECT_EQ(cancelled->watch_id(), created->watch_id());
  EXPECT_EQ(cancelled->header().member_id(), 11U);
}

TEST_F(WatchCreate, StartAtTheCompactionDeliversItsTombstoneToo) {
  store.Put("a", "1");
  store.Delete("a");
  store.Compact(Revision{3});
  client.Created({.key = "a", .start_revision = 3});

  EXPECT_THAT(client.TakeAll(), ElementsAre("3: DELETE a"));
}

TEST_F(WatchCreate, StartWhereOnlyTheReaderIsAlreadyDeliversNothingAcknowledgedBefore) {
  store.HoldFeed();
  store.Put("a", "1");
  EXPECT_EQ(client.Created({.key = "a"}).header().revision(), 2);
  store.ReleaseFeed();

  EXPECT_THAT(client.TakeAll(), IsEmpty());
  store.Put("a", "2");
  EXPECT_THAT(client.TakeAll(), ElementsAre("3: PUT a=2"));
}

TEST_F(WatchCreate, StartBetweenTheFeedAndTheReaderIsDeliveredOnce) {
  store.HoldFeed();
  store.Put("a", "1");
  client.Created({.key = "a", .start_revision = 2});
  EXPECT_THAT(client.TakeAll(), IsEmpty());
  store.ReleaseFeed();

  EXPECT_THAT(client.TakeAll(), ElementsAre("2: PUT a=1"));
}

TEST_F(WatchCreate, HistoryReadAheadOfTheFeedIsNotRepeatedByIt) {
  WatchOptions no_ring;
  no_ring.ring_bytes = 0;
  auto small = Hub::Create(store, TestIdentity(), no_ring);
  store.SetFeed(small.get());
  TestClient reader(*small);
  store.Put("a", "1");
  store.HoldFeed();
  store.Put("a", "2");
  reader.Created({.key = "a", .start_revision = 2});
  EXPECT_THAT(reader.TakeAll(), ElementsAre("3: PUT a=1 PUT a=2"));
  store.ReleaseFeed();

  EXPECT_THAT(reader.TakeAll(), IsEmpty());
}

TEST_F(WatchCreate, EmptyKeyWatchesTheZeroByteOnly) {
  client.Created({.key = ""});
  store.Put("a", "1");
  store.Put(std::string("\0", 1), "zero");

  EXPECT_THAT(client.TakeAll(), ElementsAre("3: PUT " + std::string("\0", 1) + "=zero"));
}

TEST_F(WatchCreate, EmptyKeyWithAZeroByteEndWatchesEverything) {
  client.Created({.key = "", .range_end = std::string("\0", 1)});
  store.Put("a", "1");
  store.Put("\xff\xff", "2");

  EXPECT_EQ(client.TakeAll().size(), 2U);
}

TEST_F(WatchCreate, RangeEndZeroByteMeansFromTheKeyOn) {
  client.Created({.key = "m", .range_end = std::string("\0", 1)});
  store.Put("a", "1");
  store.Put("m", "2");
  store.Put("z", "3");

  EXPECT_THAT(client.TakeAll(), ElementsAre("3: PUT m=2", "4: PUT z=3"));
}

TEST_F(WatchCreate, SingleKeyDoesNotMatchKeysItIsAPrefixOf) {
  client.Created({.key = "a"});
  store.Put("ab", "1");

  EXPECT_THAT(client.TakeAll(), IsEmpty());
}

TEST_F(WatchCreate, RangeEndIsExclusive) {
  client.Created({.key = "a", .range_end = "c"});
  store.Put("b", "1");
  store.Put("c", "2");

  EXPECT_THAT(client.TakeAll(), ElementsAre("2: PUT b=1"));
}

TEST_F(WatchCreate, EmptyRequestIsIgnored) {
  client.SendEmpty();

  EXPECT_THAT(client.TakeAll(), IsEmpty());
  EXPECT_EQ(client.wakes(), 0);
}

}  // namespace
}  // namespace cairn::kv
