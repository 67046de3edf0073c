#include "kv/client/watch.h"

#include <gtest/gtest.h>

#include "kv/client/client.h"
#include "raft/base/status.h"
#include "tests/kv/client/fake_cluster.h"

namespace cairn::kv::client {
namespace {

using std::chrono::milliseconds;
using testing::FakeCluster;

constexpr milliseconds kLong{20'000};

// Everything below one prefix; fake servers send all keys anyway.
WatchOptions From(std::int64_t revision) {
  WatchOptions options;
  options.key = "k";
  options.range_end = "l";
  options.start_revision = revision;
  return options;
}

// Takes events until `last` was seen; their revisions in order.
std::vector<std::int64_t> TakeUntil(Watcher& watcher, std::int64_t last) {
  std::vector<std::int64_t> revisions;
  while (revisions.empty() || revisions.back() < last) {
    const auto response = watcher.Next(kLong);
    if (!response.ok()) {
      ADD_FAILURE() << MessageOf(response.status());
      return revisions;
    }
    for (const mvccpb::Event& event : response->events()) revisions.push_back(event.kv().mod_revision());
  }
  return revisions;
}

std::vector<std::int64_t> Count(std::int64_t first, std::int64_t last) {
  std::vector<std::int64_t> all;
  for (std::int64_t i = first; i <= last; ++i) all.push_back(i);
  return all;
}

// Next() does the watcher's work: it is called until `done` holds, and nothing comes out of it till then.
template <typename Done>
void DriveUntil(Watcher& watcher, const Done& done) {
  const auto deadline = std::chrono::steady_clock::now() + kLong;
  while (!done()) {
    ASSERT_TRUE(absl::IsDeadlineExceeded(watcher.Next(milliseconds(1)).status()));
    ASSERT_LT(std::chrono::steady_clock::now(), deadline)
        << "next revision " << watcher.next_revision() << " after " << watcher.failures() << " failures";
  }
}

TEST(Watcher, DeliversHistoryAndThenWhatIsNew) {
  FakeCluster cluster(1);
  Client client(cluster.endpoints());
  cluster.Put("k1", "a");
  const auto watcher = client.Watch(From(2));
  EXPECT_EQ(TakeUntil(*watcher, 2), Count(2, 2));
  cluster.Put("k2", "b");
  EXPECT_EQ(TakeUntil(*watcher, 3), Count(3, 3));
}

TEST(Watcher, NothingInTimeIsNotTheEnd) {
  FakeCluster cluster(1);
  Client client(cluster.endpoints());
  const auto watcher = client.Watch(From(2));
  DriveUntil(*watcher, [&] { return !cluster.watch_starts().empty(); });
  cluster.Put("k", "v");
  EXPECT_EQ(TakeUntil(*watcher, 2), Count(2, 2));
}

TEST(Watcher, GoesOnElsewhereWithEveryEventExactlyOnce) {
  FakeCluster cluster(3);
  Client client(cluster.endpoints());
  const auto watcher = client.Watch(From(2));
  std::vector<std::int64_t> seen;
  for (int round = 0; round < 6; ++round) {
    for (int i = 0; i < 20; ++i) cluster.Put("k", std::to_string(i));
    const std::int64_t half = cluster.revision() - 10;
    for (const std::int64_t revision : TakeUntil(*watcher, half)) seen.push_back(revision);
    // Events are under way to a node that dies now.
    const auto node = static_cast<std::size_t>(round) % 3;
    cluster.Kill(node);
    cluster.Put("k", "while it is away");
    for (const std::int64_t revision : TakeUntil(*watcher, cluster.revision())) seen.push_back(revision);
    cluster.Restart(node);
  }
  EXPECT_EQ(seen, Count(2, cluster.revision()));
  EXPECT_EQ(watcher->repeated_events(), 0);
  EXPECT_GE(watcher->resumptions(), 2);
}

TEST(Watcher, WaitsForItsOnlyNodeToComeBack) {
  FakeCluster cluster(1);
  Client client(cluster.endpoints());
  const auto watcher = client.Watch(From(2));
  cluster.Put("k", "1");
  EXPECT_EQ(TakeUntil(*watcher, 2), Count(2, 2));
  cluster.Kill(0);
  // The stream that it had, and one that it tried to open.
  DriveUntil(*watcher, [&] { return watcher->failures() >= 2; });
  cluster.Put("k", "2");
  cluster.Restart(0);
  EXPECT_EQ(TakeUntil(*watcher, 3), Count(3, 3));
}

TEST(Watcher, FromNowOnMeansTheSameAfterItsNodeDied) {
  FakeCluster cluster(2);
  Client client(cluster.endpoints());
  cluster.Put("k", "before");
  const auto watcher = client.Watch(From(0));
  DriveUntil(*watcher, [&] { return watcher->next_revision() > 0; });
  cluster.Kill(0);
  cluster.Put("k", "while nobody listened");
  EXPECT_EQ(TakeUntil(*watcher, 3), Count(3, 3));
}

TEST(Watcher, ARevisionIsDeliveredWholeThoughItsPiecesWereBrokenOff) {
  FakeCluster cluster(2);
  Client client(cluster.endpoints());
  cluster.FragmentNext(2);
  cluster.PutMany({"k1", "k2", "k3"}, "v");
  const auto watcher = client.Watch(From(2));
  const auto response = watcher->Next(kLong);
  ASSERT_TRUE(response.ok()) << MessageOf(response.status());
  EXPECT_EQ(response->events_size(), 3);
  EXPECT_EQ(watcher->resumptions(), 1);
  EXPECT_EQ(cluster.watch_starts(), (std::vector<std::int64_t>{2, 2}));
}

TEST(Watcher, ProgressMovesWhereItResumes) {
  FakeCluster cluster(1);
  Client client(cluster.endpoints());
  for (int i = 0; i < 5; ++i) cluster.Put("k", "v");
  const auto watcher = client.Watch(From(0));
  DriveUntil(*watcher, [&] { return watcher->next_revision() > 0; });
  cluster.SendProgress();
  const auto progress = watcher->Next(kLong);
  ASSERT_TRUE(progress.ok());
  EXPECT_TRUE(progress->events().empty());
  EXPECT_EQ(watcher->next_revision(), 7);
}

TEST(Watcher, CompactedHistoryEndsItAndSaysWhereToBegin) {
  FakeCluster cluster(2);
  Client client(cluster.endpoints());
  for (int i = 0; i < 5; ++i) cluster.Put("k", "v");
  cluster.Compact(4);
  const auto watcher = client.Watch(From(2));
  const absl::Status status = watcher->Next(kLong).status();
  EXPECT_TRUE(absl::IsOutOfRange(status));
  EXPECT_EQ(CompactRevisionOf(status), 4);
  EXPECT_TRUE(watcher->cancellation().has_value());
  // It stays ended.
  EXPECT_TRUE(absl::IsOutOfRange(watcher->Next(kLong).status()));
}

TEST(Watcher, ARefusalByTheServerEndsIt) {
  FakeCluster cluster(1);
  Client client(cluster.endpoints());
  cluster.FailWith(0, {grpc::StatusCode::PERMISSION_DENIED, "etcdserver: permission denied"});
  const auto watcher = client.Watch(From(2));
  EXPECT_TRUE(absl::IsPermissionDenied(watcher->Next(kLong).status()));
}

TEST(Watcher, LeavesANodeThatDoesNotConfirm) {
  FakeCluster cluster(2);
  Client client(cluster.endpoints());
  cluster.Freeze(0);
  cluster.Put("k", "v");
  WatchOptions options = From(2);
  options.open_timeout = milliseconds(100);
  const auto watcher = client.Watch(std::move(options));
  EXPECT_EQ(TakeUntil(*watcher, 2), Count(2, 2));
  cluster.Thaw(0);
}

TEST(Watcher, SaysWhenNothingCouldBeReachedFromTheBeginning) {
  std::vector<Endpoint> nobody;
  {
    FakeCluster cluster(1);
    nobody = cluster.endpoints();
  }
  Client client(nobody);
  WatchOptions options = From(2);
  options.first_open_timeout = milliseconds(100);
  const auto watcher = client.Watch(std::move(options));
  const absl::Status status = watcher->Next(kLong).status();
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_EQ(EndpointOf(status), nobody[0].name);
}

TEST(Watcher, StopEndsANextThatWaits) {
  FakeCluster cluster(1);
  Client client(cluster.endpoints());
  const auto watcher = client.Watch(From(2));
  std::thread stopper([&] { watcher->Stop(); });
  EXPECT_TRUE(absl::IsCancelled(watcher->Next(kLong).status()));
  stopper.join();
}

}  // namespace
}  // namespace cairn::kv::client
