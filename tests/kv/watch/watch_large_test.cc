// Revisions and responses that are large: what is read, what is held, and what the client is told.
#include <fmt/format.h>

#include "tests/kv/watch/watch_test_base.h"

namespace cairn::kv {
namespace {

const std::string kEverything("\0", 1);

class WatchLarge : public WatchTest {
 protected:
  static WatchOptions Small() {
    WatchOptions options;
    options.fragment_bytes = 100'000;
    options.response_bytes = 1'000'000;
    options.large_responses_bytes = 4 << 20;
    options.catch_up_bytes = 50'000;
    return options;
  }
  explicit WatchLarge(const WatchOptions& options = Small()) : WatchTest(options) {}

  // One revision that changes `count` keys.
  Revision PutAll(int count, std::size_t value_bytes) {
    std::vector<Change> changes;
    changes.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) {
      changes.push_back({fmt::format("k{:06}", i), std::string(value_bytes, 'x')});
    }
    return store.Commit(std::move(changes));
  }
  Revision DeleteAll(int count) {
    std::vector<Change> changes;
    changes.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) changes.push_back({fmt::format("k{:06}", i), std::nullopt});
    return store.Commit(std::move(changes));
  }

  // The pieces of one response; expects that they are contiguous with one header.
  std::vector<etcdserverpb::WatchResponse> TakePieces() {
    std::vector<etcdserverpb::WatchResponse> pieces;
    do {
      std::optional<etcdserverpb::WatchResponse> piece = client.Take();
      if (!piece) {
        ADD_FAILURE() << "no piece after " << pieces.size();
        return pieces;
      }
      pieces.push_back(*std::move(piece));
      EXPECT_EQ(pieces.back().watch_id(), pieces.front().watch_id());
      EXPECT_EQ(pieces.back().header().revision(), pieces.front().header().revision());
    } while (pieces.back().fragment());
    return pieces;
  }
  static int EventsOf(const std::vector<etcdserverpb::WatchResponse>& pieces) {
    int events = 0;
    for (const auto& piece : pieces) events += piece.events_size();
    return events;
  }
};

// Without a ring everything is read from the history.
class WatchLargeFromHistory : public WatchLarge {
 protected:
  static WatchOptions NoRing() {
    WatchOptions options = Small();
    options.ring_bytes = 0;
    options.previous_bytes = 0;
    return options;
  }
  WatchLargeFromHistory() : WatchLarge(NoRing()) {}
};

TEST_F(WatchLarge, APieceReadsOnlyItsOwnPreviousRecords) {
  PutAll(1000, 10'000);
  client.Created({.key = "k", .range_end = "l", .prev_kv = true, .fragment = true});
  DeleteAll(1000);

  const auto piece = client.Take();
  ASSERT_TRUE(piece);
  EXPECT_TRUE(piece->fragment());
  EXPECT_EQ(piece->events_size(), 9);
  EXPECT_LE(store.record_reads, 10);
  EXPECT_EQ(EventsOf(TakePieces()), 991);
}

TEST_F(WatchLargeFromHistory, BetweenTwoPiecesNothingIsHeld) {
  PutAll(1000, 1000);
  const long before = store.Everything().back()->events[0].record.owner().use_count();
  client.Created({.key = "k", .range_end = "l", .start_revision = 2, .fragment = true});
  EXPECT_TRUE(client.Take()->fragment());

  const auto all = store.Everything();
  for (const Event& event : all.back()->events) {
    ASSERT_EQ(event.record.owner().use_count(), before) << event.key;
  }
  EXPECT_LE(store.history_events, 200U);
}

TEST_F(WatchLargeFromHistory, PiecesAreReadOneAfterTheOther) {
  const Revision large = PutAll(1000, 1000);
  store.Put("k1", "after");
  client.Created({.key = "k", .range_end = "l", .start_revision = 2, .fragment = true});

  const auto pieces = TakePieces();
  EXPECT_GE(pieces.size(), 10U);
  EXPECT_EQ(EventsOf(pieces), 1000);
  EXPECT_EQ(pieces.front().header().revision(), large.value());
  EXPECT_LE(store.history_events, 2100U);  // A piece's worth at a time, of which the last may be read again.
  EXPECT_THAT(client.TakeAll(), ElementsAre("3: PUT k1=after"));
}

TEST_F(WatchLargeFromHistory, AnswersThatWaitBetweenPiecesAreCounted) {
  std::vector<Change> changes;
  for (int i = 0; i < 150; ++i) changes.push_back({fmt::format("k{:06}", i), std::string(1000, 'x')});
  for (int i = 0; i < 200; ++i) changes.push_back({fmt::format("m{:06}", i), std::string(1000, 'x')});
  store.Commit(std::move(changes));
  client.Created({.key = "k", .range_end = "l", .start_revision = 2, .fragment = true});
  EXPECT_TRUE(client.Take()->fragment());
  client.Create({.key = "z"});
  EXPECT_EQ(client.stream().answers_waiting(), 1U);
  EXPECT_FALSE(client.stream().Take());  // The next piece is not full yet.
  EXPECT_EQ(client.stream().answers_waiting(), 1U);

  EXPECT_FALSE(client.Take()->fragment());
  EXPECT_EQ(Describe(*client.Take()), "2: created");
  EXPECT_EQ(client.stream().answers_waiting(), 0U);
}

TEST_F(WatchLarge, PiecesWhoseRevisionLeavesTheRingGoOnFromTheHistory) {
  client.Created({.key = "k", .range_end = "l", .fragment = true});
  PutAll(1000, 1000);
  const auto first = client.Take();
  EXPECT_TRUE(first->fragment());
  EXPECT_EQ(store.history_reads, 0);
  store.HoldFeed();
  store.Put("other", "x");
  store.ReplaceState();  // Empties the ring.

  const auto rest = TakePieces();
  EXPECT_GT(store.history_reads, 0);
  EXPECT_EQ(rest.front().header().revision(), 2);
  EXPECT_EQ(EventsOf(rest) + first->events_size(), 1000);
  EXPECT_THAT(client.TakeAll(), IsEmpty());
}

TEST_F(WatchLarge, CancelledBetweenPiecesTheRestIsNotSent) {
  client.Created({.key = "k", .range_end = "l", .fragment = true});
  PutAll(1000, 1000);
  EXPECT_TRUE(client.Take()->fragment());
  client.Create({.key = "z"});
  client.Cancel(0);

  EXPECT_THAT(client.TakeAll(), ElementsAre("2: created", "2: canceled"));
}

TEST_F(WatchLargeFromHistory, CompactionBetweenPiecesCancels) {
  client.Created({.key = "k", .range_end = "l", .fragment = true});
  PutAll(1000, 1000);
  store.Put("k1", "after");
  EXPECT_TRUE(client.Take()->fragment());
  store.Compact(Revision{3});

  EXPECT_THAT(client.TakeAll(), ElementsAre("0: canceled compacted=3"));
}

TEST_F(WatchLarge, ProgressRequestedBetweenPiecesIsAnsweredAfterTheLast) {
  client.Created({.key = "k", .range_end = "l", .fragment = true});
  client.Created({.key = "k000001"});
  PutAll(1000, 1000);
  auto first = client.Take();
  if (first->watch_id() == 1) first = client.Take();
  EXPECT_TRUE(first->fragment());
  client.RequestProgress();

  EXPECT_EQ(EventsOf(TakePieces()) + first->events_size(), 1000);
  const std::vector<std::string> rest = client.TakeAll();
  ASSERT_THAT(rest, ::testing::Not(IsEmpty()));
  EXPECT_EQ(rest.back(), "2:");
}

TEST_F(WatchLargeFromHistory, ARareKeyPassesALargeRevisionInBoundedReads) {
  PutAll(100'000, 10);
  store.Put("rare", "1");
  client.Created({.key = "rare", .start_revision = 2});
  const int reads = store.history_reads;
  EXPECT_FALSE(client.stream().Take());
  EXPECT_EQ(store.history_reads - reads, 1);

  EXPECT_THAT(client.TakeAll(), ElementsAre("3: PUT rare=1"));
  EXPECT_EQ(store.history_events, 1U);
  EXPECT_LE(store.largest_history_read, Small().fragment_bytes + 1000);
}

TEST_F(WatchLargeFromHistory, OthersOfTheStreamTakeTurnsWithWhoPassesALargeRevision) {
  PutAll(100'000, 10);
  client.Created({.key = "rare", .start_revision = 2});
  client.Created({.key = "live"});
  EXPECT_FALSE(client.stream().Take());
  store.Put("live", "1");
  // The ring keeps nothing here, so the live watch reads as well: its turn comes after one step of the other.
  EXPECT_FALSE(client.stream().Take());

  EXPECT_EQ(Describe(*client.Take()), "3: PUT live=1");
}

TEST_F(WatchLargeFromHistory, AWholeResponseIsPutTogetherOverSeveralReads) {
  store.Put("k", "before");
  PutAll(500, 1000);
  store.Put("k", "after");
  client.Created({.key = "k", .range_end = "l", .start_revision = 2});

  EXPECT_EQ(Describe(*client.Take()), "2: PUT k=before");
  const auto large = client.Take();
  EXPECT_EQ(large->events_size(), 500);
  EXPECT_EQ(large->header().revision(), 3);
  EXPECT_FALSE(large->fragment());
  EXPECT_EQ(Describe(*client.Take()), "4: PUT k=after");
}

TEST_F(WatchLargeFromHistory, AnswersDoNotWaitForAWholeResponse) {
  PutAll(500, 1000);
  client.Created({.key = "k", .range_end = "l", .start_revision = 2});
  EXPECT_FALSE(client.stream().Take());  // It has begun.
  client.Create({.key = "z"});
  client.Cancel(0);

  EXPECT_THAT(client.TakeAll(), ElementsAre("2: created", "2: canceled"));
}

TEST_F(WatchLarge, AResponseThatWouldBeTooLargeEndsTheWatchWithAReason) {
  client.Created({.key = "k", .range_end = "l"});
  client.Created({.key = "k000001"});
  client.Created({.key = "k", .range_end = "l", .fragment = true});
  store.Put("k", "before");
  PutAll(1000, 1000);

  std::vector<std::string> whole;
  int pieces = 0;
  while (const auto response = client.Take()) {
    if (response->watch_id() == 0) whole.push_back(Describe(*response));
    if (response->watch_id() == 2) pieces += response->events_size();
  }
  EXPECT_THAT(whole, ElementsAre("2: PUT k=before",
                                 "3: canceled \"etcdserver: the events of revision 3 exceed 1000000 bytes; "
                                 "watch with fragments, or from revision 4 on\""));
  EXPECT_EQ(pieces, 1001);
  EXPECT_EQ(hub->counts().large_response_bytes, 0U);
}

TEST_F(WatchLargeFromHistory, WhatComesBeforeAResponseThatIsTooLargeIsSent) {
  store.Put("k", "1");
  store.Put("k", "2");
  PutAll(1000, 1000);
  client.Created({.key = "k", .range_end = "l", .start_revision = 2});

  EXPECT_EQ(Describe(*client.Take()), "3: PUT k=1 PUT k=2");
  EXPECT_TRUE(client.Take()->canceled());
}

TEST_F(WatchLarge, LargeResponsesCountTogetherUntilTheyAreWritten) {
  WatchOptions options = Small();
  options.large_responses_bytes = 1 << 20;
  auto narrow = Hub::Create(store, TestIdentity(), options);
  store.SetFeed(narrow.get());
  TestClient first(*narrow);
  TestClient second(*narrow);
  TestClient third(*narrow);
  for (TestClient* each : {&first, &second, &third}) each->Created({.key = "k", .range_end = "l"});
  PutAll(300, 1000);

  std::optional<EncodedMessage> unwritten;
  while (!unwritten) unwritten = first.stream().Take();
  const auto refused = second.Take();
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->cancel_reason(),
            "etcdserver: too many large watch responses are under way to send revision 2; watch with "
            "fragments, or again later");
  unwritten.reset();
  EXPECT_EQ(third.Take()->events_size(), 300);
  EXPECT_EQ(narrow->counts().large_response_bytes, 0U);
}

}  // namespace
}  // namespace cairn::kv
