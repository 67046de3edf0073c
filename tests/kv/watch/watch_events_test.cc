// What a watcher that keeps up is told of each revision.
#include "etcd/kv.pb.h"
#include "tests/kv/watch/watch_test_base.h"

namespace cairn::kv {
namespace {

class WatchEvents : public WatchTest {};

TEST_F(WatchEvents, OneResponsePerRevisionWithTheRevisionInItsHeader) {
  client.Created({.key = "a"});
  store.Put("a", "1");
  store.Put("a", "2");

  EXPECT_THAT(client.TakeAll(), ElementsAre("2: PUT a=1", "3: PUT a=2"));
}

TEST_F(WatchEvents, AllMatchingChangesOfARevisionAreInOneResponseInOrder) {
  client.Created({.key = "a", .range_end = "c"});
  store.Commit({{"b", "1"}, {"x", "2"}, {"a", "3"}, {"b", std::nullopt}});

  EXPECT_THAT(client.TakeAll(), ElementsAre("2: PUT b=1 PUT a=3 DELETE b"));
}

TEST_F(WatchEvents, RevisionsThatTouchNothingWatchedAreNotTold) {
  client.Created({.key = "a"});
  store.Put("b", "1");

  EXPECT_THAT(client.TakeAll(), IsEmpty());
}

TEST_F(WatchEvents, DeletionCarriesKeyAndModRevisionOnly) {
  store.Put("a", "1");
  client.Created({.key = "a"});
  store.Delete("a");

  const auto response = client.Take();
  ASSERT_TRUE(response);
  const mvccpb::KeyValue& kv = response->events(0).kv();
  EXPECT_EQ(response->events(0).type(), mvccpb::Event::DELETE);
  EXPECT_EQ(kv.key(), "a");
  EXPECT_EQ(kv.mod_revision(), 3);
  EXPECT_EQ(kv.version(), 0);
  EXPECT_EQ(kv.create_revision(), 0);
  EXPECT_EQ(kv.value(), "");
  EXPECT_FALSE(response->events(0).has_prev_kv());
}

TEST_F(WatchEvents, PutCarriesTheWholeRecord) {
  store.Put("a", "1");
  client.Created({.key = "a"});
  store.Put("a", "2");

  const auto response = client.Take();
  ASSERT_TRUE(response);
  const mvccpb::KeyValue& kv = response->events(0).kv();
  EXPECT_EQ(kv.create_revision(), 2);
  EXPECT_EQ(kv.mod_revision(), 3);
  EXPECT_EQ(kv.version(), 2);
}

TEST_F(WatchEvents, WatchesOfOneStreamAreIndependent) {
  client.Created({.key = "a"});
  client.Created({.key = "a", .range_end = "c"});
  client.Created({.key = "b"});
  store.Put("a", "1");

  EXPECT_THAT(client.TakeAll(), ElementsAre("2: PUT a=1", "2: PUT a=1"));
}

TEST_F(WatchEvents, WatchesOfOneStreamTakeTurns) {
  client.Created({.key = "a"});
  client.Created({.key = "b"});
  for (const char* value : {"1", "2", "3"}) store.Put("a", value);
  store.Put("b", "1");

  EXPECT_EQ(Describe(*client.Take()), "2: PUT a=1");
  EXPECT_EQ(Describe(*client.Take()), "5: PUT b=1");
  EXPECT_EQ(Describe(*client.Take()), "3: PUT a=2");
}

TEST_F(WatchEvents, FilterNoPutDropsPuts) {
  store.Put("a", "0");
  client.Created({.key = "a", .no_put = true});
  store.Put("a", "1");
  store.Delete("a");

  EXPECT_THAT(client.TakeAll(), ElementsAre("4: DELETE a"));
}

TEST_F(WatchEvents, FilterNoDeleteDropsDeletions) {
  client.Created({.key = "a", .no_delete = true});
  store.Put("a", "1");
  store.Delete("a");

  EXPECT_THAT(client.TakeAll(), ElementsAre("2: PUT a=1"));
}

TEST_F(WatchEvents, PreviousRecordIsSentWhenAskedFor) {
  store.Put("a", "1");
  client.Created({.key = "a", .prev_kv = true});
  store.Put("a", "2");
  store.Delete("a");
  store.Put("a", "4");

  EXPECT_THAT(client.TakeAll(), ElementsAre("3: PUT a=2 (was 1)", "4: DELETE a (was 2)", "5: PUT a=4"));
}

TEST_F(WatchEvents, PreviousRecordIsReadOncePerEventForAllWatchers) {
  store.Put("a", "1");
  client.Created({.key = "a", .prev_kv = true});
  client.Created({.key = "a", .range_end = "c", .prev_kv = true});
  TestClient other(*hub);
  other.Created({.key = "a", .prev_kv = true});
  store.Put("a", "2");

  EXPECT_EQ(client.TakeAll().size() + other.TakeAll().size(), 3U);
  EXPECT_EQ(store.record_reads, 1);
}

TEST_F(WatchEvents, PreviousRecordIsNotReadUnlessAskedFor) {
  store.Put("a", "1");
  client.Created({.key = "a"});
  store.Put("a", "2");
  client.TakeAll();

  EXPECT_EQ(store.record_reads, 0);
}

TEST_F(WatchEvents, PreviousRecordThatWasCompactedIsAbsent) {
  store.Put("a", "1");
  client.Created({.key = "a", .prev_kv = true});
  store.Put("a", "2");
  store.Compact(Revision{3});

  EXPECT_THAT(client.TakeAll(), ElementsAre("3: PUT a=2"));
}

TEST_F(WatchEvents, BackPressureMergesWholeRevisions) {
  client.Created({.key = "a", .range_end = "c"});
  for (int i = 0; i < 100; ++i) store.Commit({{"a", "x"}, {"b", "y"}});

  const auto response = client.Take();
  ASSERT_TRUE(response);
  EXPECT_EQ(response->events_size(), 200);
  EXPECT_EQ(response->header().revision(), 101);
}

class WatchFragments : public WatchTest {
 protected:
  static WatchOptions Small() {
    WatchOptions options;
    options.fragment_bytes = 1000;
    return options;
  }
  WatchFragments() : WatchTest(Small()) {}
  void CommitLarge() {
    std::vector<Change> changes;
    for (int i = 0; i < 10; ++i) changes.push_back({"k" + std::to_string(i), std::string(300, 'x')});
    store.Commit(std::move(changes));
  }
};

TEST_F(WatchFragments, PiecesAreContiguousWithOneHeaderAndTheLastIsMarked) {
  client.Created({.key = "k", .range_end = "l", .fragment = true});
  client.Created({.key = "k0"});
  CommitLarge();

  std::vector<etcdserverpb::WatchResponse> pieces;
  while (const auto response = client.Take()) pieces.push_back(*response);
  ASSERT_EQ(pieces.size(), 6U);
  int events = 0;
  for (std::size_t i = 0; i < 5; ++i) {
    const std::size_t at = pieces[0].watch_id() == 0 ? i : i + 1;
    EXPECT_EQ(pieces[at].watch_id(), 0);
    EXPECT_EQ(pieces[at].header().revision(), 2);
    EXPECT_EQ(pieces[at].fragment(), i < 4);
    EXPECT_LT(pieces[at].ByteSizeLong(), 1000U);
    for (const auto& event : pieces[at].events()) EXPECT_EQ(event.kv().key(), "k" + std::to_string(events++));
  }
  EXPECT_EQ(events, 10);
}

TEST_F(WatchFragments, AnswersToRequestsDoNotComeBetweenPieces) {
  client.Created({.key = "k", .range_end = "l", .fragment = true});
  CommitLarge();
  EXPECT_TRUE(client.Take()->fragment());
  client.Create({.key = "z"});
  client.Cancel(1);

  for (int i = 0; i < 4; ++i) EXPECT_EQ(client.Take()->events_size(), 2);
  EXPECT_EQ(Describe(*client.Take()), "2: created");
  EXPECT_EQ(Describe(*client.Take()), "2: canceled");
  EXPECT_FALSE(client.Take());
}

TEST_F(WatchFragments, WithoutAskingOneResponseHoweverLarge) {
  client.Created({.key = "k", .range_end = "l"});
  CommitLarge();

  EXPECT_EQ(client.Take()->events_size(), 10);
}

TEST_F(WatchFragments, OneEventIsNeverSplit) {
  client.Created({.key = "k", .fragment = true});
  store.Put("k", std::string(5000, 'x'));

  const auto response = client.Take();
  EXPECT_EQ(response->events_size(), 1);
  EXPECT_FALSE(response->fragment());
}

TEST_F(WatchEvents, LargeRecordsAreReferencedAndSmallOnesCopied) {
  client.Created({.key = "a", .range_end = "c"});
  store.Commit({{"a", std::string(100000, 'x')}, {"b", "small"}});

  const auto message = client.stream().Take();
  ASSERT_TRUE(message);
  ASSERT_EQ(message->size(), 3U);  // What comes before the large record, the record, what comes after.
  const Payload& record = store.Everything().back()->events[0].record;
  EXPECT_EQ((*message)[1].view.data(), record.bytes().data());
  etcdserverpb::WatchResponse response;
  ASSERT_TRUE(response.ParseFromString(Flatten(*message)));
  EXPECT_EQ(response.events(1).kv().value(), "small");
  EXPECT_EQ(response.SerializeAsString(), Flatten(*message));  // As protobuf would have written it.
}

}  // namespace
}  // namespace cairn::kv
