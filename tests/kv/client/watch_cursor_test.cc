#include "kv/client/watch_cursor.h"

#include <gtest/gtest.h>

namespace cairn::kv::client {
namespace {

pb::WatchResponse Events(std::int64_t header, std::initializer_list<std::int64_t> revisions,
                         bool fragment = false) {
  pb::WatchResponse response;
  response.mutable_header()->set_revision(header);
  response.set_fragment(fragment);
  for (const std::int64_t revision : revisions)
    response.add_events()->mutable_kv()->set_mod_revision(revision);
  return response;
}

std::vector<std::int64_t> Revisions(const absl::StatusOr<std::optional<pb::WatchResponse>>& result) {
  std::vector<std::int64_t> revisions;
  if (!result.ok() || !result->has_value()) return revisions;
  for (const mvccpb::Event& event : (*result)->events()) revisions.push_back(event.kv().mod_revision());
  return revisions;
}

using List = std::vector<std::int64_t>;

TEST(WatchCursor, GoesOnBehindTheLastEventNotBehindTheHeader) {
  WatchCursor cursor(5);
  EXPECT_EQ(Revisions(cursor.OnResponse(Events(100, {5, 6, 6}))), (List{5, 6, 6}));
  EXPECT_EQ(cursor.resume_revision(), 7);
}

TEST(WatchCursor, FromNowOnIsFixedByTheFirstConfirmation) {
  WatchCursor cursor(0);
  EXPECT_EQ(cursor.resume_revision(), 0);
  cursor.OnCreated(41);
  EXPECT_EQ(cursor.resume_revision(), 42);
  cursor.OnCreated(50);
  EXPECT_EQ(cursor.resume_revision(), 42);
}

TEST(WatchCursor, ProgressMovesTheStartOfTheNextStream) {
  WatchCursor cursor(5);
  EXPECT_TRUE(cursor.OnResponse(Events(20, {}))->has_value());
  EXPECT_EQ(cursor.resume_revision(), 21);
}

TEST(WatchCursor, ProgressAheadOfEventsUnderWayLosesNothing) {
  WatchCursor cursor(5);
  EXPECT_TRUE(cursor.OnResponse(Events(20, {})).ok());
  EXPECT_EQ(Revisions(cursor.OnResponse(Events(20, {20}))), (List{20}));
  EXPECT_EQ(cursor.resume_revision(), 21);
}

TEST(WatchCursor, DropsAndCountsWhatWasDelivered) {
  WatchCursor cursor(5);
  EXPECT_EQ(Revisions(cursor.OnResponse(Events(6, {5, 6}))), (List{5, 6}));
  cursor.OnStreamStart();
  EXPECT_EQ(Revisions(cursor.OnResponse(Events(7, {6, 7}))), (List{7}));
  EXPECT_FALSE(cursor.OnResponse(Events(7, {7}))->has_value());
  EXPECT_EQ(cursor.repeated_events(), 2);
}

TEST(WatchCursor, JoinsThePiecesOfAResponse) {
  WatchCursor cursor(5);
  EXPECT_FALSE(cursor.OnResponse(Events(6, {5}, true))->has_value());
  EXPECT_FALSE(cursor.OnResponse(Events(6, {5}, true))->has_value());
  EXPECT_EQ(cursor.resume_revision(), 5);
  EXPECT_EQ(Revisions(cursor.OnResponse(Events(6, {6}))), (List{5, 5, 6}));
  EXPECT_EQ(cursor.resume_revision(), 7);
}

TEST(WatchCursor, ForgetsPiecesOfABrokenStream) {
  WatchCursor cursor(5);
  EXPECT_FALSE(cursor.OnResponse(Events(6, {5}, true))->has_value());
  cursor.OnStreamStart();
  EXPECT_EQ(cursor.resume_revision(), 5);
  EXPECT_EQ(Revisions(cursor.OnResponse(Events(6, {5, 6}))), (List{5, 6}));
}

TEST(WatchCursor, EventsOutOfOrderAreAnError) {
  WatchCursor cursor(5);
  EXPECT_TRUE(absl::IsDataLoss(cursor.OnResponse(Events(7, {7, 6})).status()));
}

}  // namespace
}  // namespace cairn::kv::client
