// The small parts of the store: keys and values of the families, the table of the key index, checksums,
// manifests, the worker.

#include <absl/synchronization/notification.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "kv/store/crc32c.h"
#include "kv/store/key_table.h"
#include "kv/store/schema.h"
#include "kv/store/store_home.h"
#include "kv/store/worker.h"

namespace cairn::kv {
namespace {

RevisionId Id(std::int64_t main, std::int64_t sub = 0) { return {.main = Revision{main}, .sub = sub}; }

TEST(Schema, RevisionKeysSortByTime) {
  const std::vector<RevisionId> ids = {Id(0),   Id(1),   Id(1, 1),        Id(1, 256),
                                       Id(255), Id(256), Id(1LL << 40, 3)};
  for (std::size_t i = 0; i < ids.size(); ++i) {
    EXPECT_EQ(*schema::DecodeRevisionKey(schema::RevisionKey(ids[i])), ids[i]);
    if (i > 0) {
      EXPECT_LT(schema::RevisionKey(ids[i - 1]), schema::RevisionKey(ids[i]));
    }
  }
  EXPECT_FALSE(schema::DecodeRevisionKey("short").ok());
}

TEST(Schema, IndexRowsSortByKeyThenNewestFirst) {
  const std::vector<std::string> keys = {std::string(1, '\0'),
                                         std::string("\0\0", 2),
                                         std::string("\0\x01", 2),
                                         std::string("\0\xff", 2),
                                         "\x01",
                                         "a",
                                         std::string("a\0", 2),
                                         std::string("a\0\x01", 3),
                                         "a\x01",
                                         "ab",
                                         "\xff"};
  std::string scratch;
  std::string before;
  for (const std::string& key : keys) {
    EXPECT_LT(before, schema::IndexLower(key));
    before.clear();
    for (const std::string& row : {schema::LatestKey(key), schema::HistoryKey(key, Id(9, 2)),
                                   schema::HistoryKey(key, Id(9, 1)), schema::HistoryKey(key, Id(3))}) {
      EXPECT_GE(row, schema::IndexLower(key));
      EXPECT_LT(before, row);
      EXPECT_LT(row, schema::IndexAfter(key));
      EXPECT_EQ(*schema::UserKeyOf(row, scratch), key);
      before = row;
    }
  }
}

TEST(Schema, RowsSurviveARoundTripAndRefuseDamage) {
  const schema::State state{.applied = {.term = raft::Term{3}, .index = raft::Index{9}},
                            .time = ClusterTime{77},
                            .revision = Revision{5},
                            .live_keys = 4};
  EXPECT_EQ(*schema::DecodeState(schema::EncodeState(state)), state);
  EXPECT_FALSE(schema::DecodeState("\xff").ok());
  const schema::Compaction compaction{.done = kNeverCompacted, .target = Revision{7}, .next = Id(3, 1)};
  EXPECT_EQ(*schema::DecodeCompaction(schema::EncodeCompaction(compaction)), compaction);
  EXPECT_FALSE(schema::DecodeCompaction("x").ok());
  const VersionInfo info{
      .id = Id(8, 1), .create = Revision{2}, .version = 6, .lease = LeaseId{-4}, .deletion = true};
  EXPECT_EQ(*schema::DecodeVersion(schema::EncodeVersion(info)), info);
  const std::string change = schema::ChangeHead(true, Id(4, 2)) + "record";
  const auto decoded = schema::DecodeChange(change);
  EXPECT_TRUE(decoded->deletion);
  EXPECT_EQ(decoded->previous, Id(4, 2));
  EXPECT_EQ(decoded->record, "record");
  EXPECT_FALSE(schema::DecodeChange("").ok());
  EXPECT_FALSE(schema::DecodeChange("\x04").ok());
  EXPECT_FALSE(schema::DecodeChange("\x03short").ok());
}

TEST(KeyTable, IsAnOrderedMapOfKeyAndDescendingRevision) {
  KeyTable table;
  std::map<std::pair<std::string, RevisionId>, VersionInfo> model;
  Rng rng(5);
  for (std::int64_t i = 1; i < 3000; ++i) {
    const std::string key = "k" + std::to_string(rng.Below(200));
    const VersionInfo info{.id = Id(i), .create = Revision{1}, .version = i};
    table.Insert(key, info);
    model.emplace(std::pair(key, info.id), info);
  }
  for (int i = 0; i < 2000; ++i) {
    const std::string key = "k" + std::to_string(rng.Below(210));
    const RevisionId at = Id(static_cast<std::int64_t>(rng.Below(3100)));
    std::optional<VersionInfo> expected;
    auto it = model.upper_bound({key, at});
    if (it != model.begin() && (--it)->first.first == key) expected = it->second;
    ASSERT_EQ(table.Newest(key, at), expected) << key << " at " << at.main;
  }
  KeyTable::Iterator it(table);
  std::string key;
  RevisionId id;
  std::size_t seen = 0;
  for (it.SeekToFirst(); it.Valid(); it.Next(), ++seen) {
    EXPECT_TRUE(seen == 0 || key < it.key() || (key == it.key() && id > it.info().id));
    key = it.key();
    id = it.info().id;
  }
  EXPECT_EQ(seen, model.size());
}

TEST(KeyTable, ReadersNeedNoLockBesideTheWriter) {
  KeyTable table;
  std::atomic<std::int64_t> published = 0;
  constexpr std::int64_t kKeys = 20'000;
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&table, &published, i] {
      Rng rng(static_cast<std::uint64_t>(i));
      for (std::int64_t upto = 0; upto < kKeys; upto = published.load(std::memory_order_acquire)) {
        if (upto == 0) continue;
        const auto n = static_cast<std::int64_t>(rng.Below(static_cast<std::uint64_t>(upto)));
        ASSERT_EQ(table.Newest(std::to_string(n), Id(kKeys))->version, n);
      }
    });
  }
  for (std::int64_t n = 0; n < kKeys; ++n) {
    table.Insert(std::to_string(n), {.id = Id(n + 1), .create = Revision{1}, .version = n});
    published.store(n + 1, std::memory_order_release);
  }
  for (std::thread& reader : readers) reader.join();
}

TEST(Crc32c, GivesThePublishedValueAndContinues) {
  EXPECT_EQ(ExtendCrc32c(0, "123456789"), 0xe3069283U);
  EXPECT_EQ(ExtendCrc32c(0, std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(ExtendCrc32c(ExtendCrc32c(0, "1234567890abc"), "defgh"), ExtendCrc32c(0, "1234567890abcdefgh"));
}

TEST(ImageManifest, SurvivesARoundTrip) {
  const ImageManifest manifest{.origin = "o", .position = "p", .files = {{"a.sst", 5}, {"MANIFEST-1", 0}}};
  const auto decoded = ImageManifest::Decode(manifest.Encode());
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded->Encode(), manifest.Encode());
}

TEST(ImageManifest, RefusesNamesThatLeadOutOfTheDirectoryAndNonsense) {
  const std::string head = "cairn store image 1\no\np\n";
  for (const char* line : {"5 ../x", "5 /x", "5 .", "5 ", "x a", "a", "5 a\n5 a", "-1 a", "5 a\1"}) {
    EXPECT_FALSE(ImageManifest::Decode(head + line + "\n").ok()) << line;
  }
  EXPECT_FALSE(ImageManifest::Decode(head).ok());
  EXPECT_FALSE(ImageManifest::Decode("").ok());
  EXPECT_FALSE(ImageManifest::Decode("cairn store image 2\no\np\n5 a\n").ok());
}

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
