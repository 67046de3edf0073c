// Snapshots: what is sent, how a broken transfer goes on, how a store takes another one's place.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "cairn/command.pb.h"
#include "kv/apply/database.h"
#include "kv/store/disk_home.h"
#include "kv/store/incoming_files.h"
#include "raft/base/rng.h"
#include "raft/core/member_config.h"
#include "tests/kv/apply/member_under_test.h"
#include "tests/kv/store/file_observer.h"
#include "tests/kv/store/temp_directory.h"

namespace cairn::kv::test {
namespace {

namespace fs = std::filesystem;

// Sends from where the sink is, in pieces, until `stop_after` bytes have gone; false if it stopped early.
bool Send(raft::SnapshotSource& source, raft::SnapshotSink& sink, std::size_t piece,
          std::size_t stop_after = SIZE_MAX) {
  std::size_t sent = 0;
  while (sink.next().file < source.files().size()) {
    if (sent >= stop_after) return false;
    const auto at = sink.next();
    std::string bytes;
    EXPECT_TRUE(source.Read(at.file, at.offset, piece, bytes).ok());
    bytes.resize(std::min<std::size_t>(bytes.size(), source.files()[at.file].size - at.offset));
    EXPECT_TRUE(sink.Write(at, bytes).ok());
    sent += bytes.size();
  }
  return true;
}

class RecordingFeed final : public RevisionFeed {
 public:
  void OnRevisions(std::span<const std::shared_ptr<const RevisionEvents>> revisions) override {
    for (const auto& revision : revisions) log += fmt::format("{} ", revision->revision);
  }
  void OnCompacted(Revision compacted) override { log += fmt::format("compacted:{} ", compacted); }
  void OnStateReplaced(Revision current, Revision compacted) override {
    log += fmt::format("replaced:{}/{} ", current, compacted);
  }
  std::string log;
};

class Snapshots : public testing::TestWithParam<bool> {
 protected:
  std::unique_ptr<MemberUnderTest> Open(int member) {
    if (GetParam()) return std::make_unique<MemberUnderTest>(fmt::format("{}/{}", directory_.path(), member));
    return std::make_unique<MemberUnderTest>(homes_[member]);
  }

  TempDirectory directory_;
  MemoryHome homes_[2];
};

// R68, R69: what was put after the snapshot's index is not in it; the membership of that index is.
TEST_P(Snapshots, AReceiverTakesOverTheWholeStateAndKeepsItAcrossARestart) {
  auto leader = Open(0);
  for (int i = 0; i < 200; ++i) leader->Put("k" + std::to_string(i % 50), std::string(500, 'v'));
  leader->Compact(100);
  auto follower = Open(1);
  RecordingFeed feed;
  follower->database().SetFeed(&feed);
  follower->Put("own", "1");
  auto source = leader->machine().OpenSnapshot();
  ASSERT_TRUE(source.ok()) << source.status();
  leader->Put("later", "not in it");
  EXPECT_EQ((*source)->meta().last.index, raft::Index{201});
  auto sink = follower->machine().ReceiveSnapshot((*source)->meta(), (*source)->manifest());
  ASSERT_TRUE(sink.ok()) << sink.status();
  ASSERT_TRUE(Send(**source, **sink, 1000));
  ASSERT_TRUE((*sink)->Finish().ok());
  const auto old_answer = follower->reader().Range(All(), {.max_bytes = 1 << 20});
  ASSERT_TRUE(follower->machine().Install(*std::move(sink)).ok());
  EXPECT_EQ(feed.log, "2 replaced:201/100 ");
  EXPECT_EQ(follower->applied(), raft::Index{201});
  EXPECT_EQ(follower->machine().flushed().index, raft::Index{201});
  EXPECT_EQ(follower->Get("own").body.count(), 0);
  EXPECT_EQ(follower->Get("later").body.count(), 0);
  EXPECT_EQ(follower->Range(All()).body.count(), 50);
  EXPECT_EQ(follower->reader().HashKv(Revision{201})->hash, leader->reader().HashKv(Revision{201})->hash);
  EXPECT_EQ(Flatten(old_answer->body).find("own") != std::string::npos, true) << "old answers stay readable";
  follower->Put("after", "1");
  EXPECT_EQ(follower->Get("after").body.count(), 1);
  ASSERT_TRUE(follower->database().Close().ok());
  follower.reset();
  follower = Open(1);
  EXPECT_EQ(follower->Range(All()).body.count(), 51);
}

TEST_P(Snapshots, ABrokenTransferGoesOnWhereItEndedAfterARestartToo) {
  auto leader = Open(0);
  // Larger than the receiver's distance between syncs, and not compressible.
  Rng rng(1);
  for (int i = 0; i < 60; ++i) {
    std::string value;
    while (value.size() < 200'000) value.push_back(static_cast<char>(rng.Next()));
    leader->Put("k" + std::to_string(i), value);
  }
  auto follower = Open(1);
  auto source = leader->machine().OpenSnapshot();
  ASSERT_TRUE(source.ok());
  auto sink = follower->machine().ReceiveSnapshot((*source)->meta(), (*source)->manifest());
  ASSERT_FALSE(Send(**source, **sink, 100'000, 9 << 20));
  sink->reset();
  if (GetParam()) {
    follower.reset();
    follower = Open(1);
  }
  sink = follower->machine().ReceiveSnapshot((*source)->meta(), (*source)->manifest());
  ASSERT_TRUE(sink.ok()) << sink.status();
  const auto position = (*sink)->next();
  EXPECT_TRUE(position.file > 0 || position.offset >= IncomingFiles::kSyncBytes)
      << position.file << " " << position.offset;
  ASSERT_TRUE(Send(**source, **sink, 1 << 20));
  ASSERT_TRUE((*sink)->Finish().ok());
  ASSERT_TRUE(follower->machine().Install(*std::move(sink)).ok());
  EXPECT_EQ(follower->reader().HashKv(Revision{0})->hash, leader->reader().HashKv(Revision{0})->hash);
}

TEST_P(Snapshots, AFinishedSnapshotThatWasNotInstalledLeavesTheOldStore) {
  auto leader = Open(0);
  leader->Put("a", "1");
  auto follower = Open(1);
  follower->Put("own", "1");
  ASSERT_TRUE(follower->database().Close().ok());
  follower.reset();
  follower = Open(1);
  auto source = leader->machine().OpenSnapshot();
  {
    auto sink = follower->machine().ReceiveSnapshot((*source)->meta(), (*source)->manifest());
    ASSERT_TRUE(Send(**source, **sink, 1000));
    ASSERT_TRUE((*sink)->Finish().ok());
  }
  follower.reset();
  follower = Open(1);
  EXPECT_EQ(Keys(follower->Range(All()).body), "own");
}

TEST_P(Snapshots, OtherContentThanAnnouncedIsNotInstalled) {
  auto leader = Open(0);
  leader->Put("a", "1");
  auto follower = Open(1);
  auto source = leader->machine().OpenSnapshot();
  raft::SnapshotMeta meta = (*source)->meta();
  meta.last.index = raft::Index{77};
  auto sink = follower->machine().ReceiveSnapshot(meta, (*source)->manifest());
  ASSERT_TRUE(Send(**source, **sink, 1000));
  EXPECT_EQ((*sink)->Finish().code(), absl::StatusCode::kDataLoss);
}

INSTANTIATE_TEST_SUITE_P(Homes, Snapshots, testing::Bool(),
                         [](const auto& info) { return info.param ? "Disk" : "Memory"; });

TEST(SnapshotsOnDisk, ANewerImageOfTheSameStoreReusesTheTablesThatArrived) {
  const TempDirectory directory;
  const std::string& root = directory.path();
  MemberUnderTest leader(root + "/0");
  leader.Put("a", std::string(100'000, 'x'));
  auto first = *leader.machine().OpenSnapshot();
  MemberUnderTest follower(root + "/1");
  auto sink = *follower.machine().ReceiveSnapshot(first->meta(), first->manifest());
  Send(*first, *sink, 1 << 20, first->files()[0].size);
  sink.reset();
  leader.Put("b", "2");
  auto second = *leader.machine().OpenSnapshot();
  ASSERT_NE(second->manifest(), first->manifest());
  sink = *follower.machine().ReceiveSnapshot(second->meta(), second->manifest());
  EXPECT_GE(sink->next().file, 1U);
  ASSERT_TRUE(Send(*second, *sink, 1 << 20));
  ASSERT_TRUE(sink->Finish().ok());
  ASSERT_TRUE(follower.machine().Install(std::move(sink)).ok());
  EXPECT_EQ(Keys(follower.Range(All()).body), "a b");
}

TEST(SnapshotsOnDisk, ClosingASourceRemovesTheCopyAndAReplacedStoreGoes) {
  const TempDirectory directory;
  const std::string& root = directory.path();
  {
    MemberUnderTest member(root);
    member.Put("a", "1");
    auto source = *member.machine().OpenSnapshot();
    EXPECT_TRUE(fs::exists(root + "/outgoing-000002"));
    auto sink = *member.machine().ReceiveSnapshot(source->meta(), source->manifest());
    ASSERT_TRUE(Send(*source, *sink, 1 << 20));
    source.reset();
    EXPECT_FALSE(fs::exists(root + "/outgoing-000002"));
    ASSERT_TRUE(sink->Finish().ok());
    ASSERT_TRUE(member.machine().Install(std::move(sink)).ok());
  }
  EXPECT_FALSE(fs::exists(root + "/store-000001"));
  fs::create_directories(root + "/store-000009");
  fs::create_directories(root + "/outgoing-000008");
  MemberUnderTest again(root);
  EXPECT_FALSE(fs::exists(root + "/store-000009")) << "left behind by a crash";
  EXPECT_FALSE(fs::exists(root + "/outgoing-000008"));
  EXPECT_EQ(Keys(again.Range(All()).body), "a");
}

TEST(SnapshotsOnDisk, ABrokenTransferGoesOnceTheMemberHasCaughtUpByItself) {
  const TempDirectory directory;
  DiskHome leader_home(directory.path() + "/0", SmallOptions().store);
  MemberUnderTest leader(leader_home);
  for (int i = 0; i < 3; ++i) leader.Put("k", std::string(100'000, 'x'));
  auto source = *leader.machine().OpenSnapshot();
  DiskHome home(directory.path() + "/1", SmallOptions().store);
  const std::string incoming = directory.path() + "/1/incoming";
  MemberUnderTest follower(home);
  auto sink = *follower.machine().ReceiveSnapshot(source->meta(), source->manifest());
  ASSERT_FALSE(Send(*source, *sink, 100, 100));
  follower.Put("k", "1");
  follower.Put("k", "2");
  sink.reset();
  follower.machine().StartFlush();
  EXPECT_TRUE(fs::exists(incoming)) << "the snapshot is ahead of entry 2";
  sink = *follower.machine().ReceiveSnapshot(source->meta(), source->manifest());
  follower.Put("k", "3");
  follower.machine().StartFlush();
  EXPECT_TRUE(fs::exists(incoming)) << "it is being received";
  sink.reset();
  follower.machine().StartFlush();
  EXPECT_FALSE(fs::exists(incoming));
}

TEST(SnapshotsOnDisk, AfterAFailureToMakeItCurrentBothStoresAreKept) {
  const TempDirectory directory;
  const std::string& root = directory.path();
  MemberUnderTest leader(root + "/0");
  leader.Put("new", "1");
  auto source = *leader.machine().OpenSnapshot();
  {
    MemberUnderTest follower(root + "/1");
    follower.Put("old", "1");
    auto sink = *follower.machine().ReceiveSnapshot(source->meta(), source->manifest());
    ASSERT_TRUE(Send(*source, *sink, 1 << 20));
    ASSERT_TRUE(sink->Finish().ok());
    // The rename has happened and the sync after it fails: nobody knows which store a crash would bring back.
    const FileObserver failing([&root](std::string_view operation, const std::string& path) {
      return operation == "sync" && path == root + "/1" ? absl::InternalError("the disk failed")
                                                        : absl::OkStatus();
    });
    EXPECT_FALSE(follower.machine().Install(std::move(sink)).ok());
    EXPECT_EQ(Keys(follower.Range(All()).body), "old");
  }
  MemberUnderTest again(root + "/1");
  EXPECT_EQ(Keys(again.Range(All()).body), "new");
}

TEST(Members, ArePublishedRecordedAndKept) {
  MemoryHome home;
  {
    MemberUnderTest member(home);
    v1::PublishMember publish;
    publish.set_member_id(1);
    publish.set_name("one");
    publish.add_client_urls("http://127.0.0.1:2379");
    publish.set_incarnation(42);
    EXPECT_TRUE(
        member.Apply(EncodeCommand(CommandKind::kPublishMember, publish.SerializeAsString()))->status.ok());
    publish.set_incarnation(43);
    EXPECT_EQ(
        member.Apply(EncodeCommand(CommandKind::kPublishMember, publish.SerializeAsString()))->status.code(),
        absl::StatusCode::kFailedPrecondition);
    publish.set_member_id(9);
    EXPECT_EQ(
        member.Apply(EncodeCommand(CommandKind::kPublishMember, publish.SerializeAsString()))->status.code(),
        absl::StatusCode::kNotFound);
    v1::MemberDirectory context;
    context.add_members()->set_member_id(2);
    context.mutable_members(0)->add_peer_urls("http://127.0.0.1:22380");
    raft::Membership membership;
    membership.config.voters = {raft::NodeId{1}};
    membership.config.learners = {raft::NodeId{2}};
    membership.context = context.SerializeAsString();
    std::vector<raft::ApplyItem> items(1);
    items[0].entry = member.NextEntry(raft::EntryKind::kMembership,
                                      Payload::FromString(raft::EncodeMembership(membership)));
    ASSERT_TRUE(member.machine().Apply(items).ok());
    ASSERT_TRUE(member.database().Close().ok());
  }
  MemberUnderTest again(home);
  const auto members = again.database().members();
  ASSERT_EQ(members->members.size(), 2U);
  EXPECT_EQ(members->members[0].name, "one");
  EXPECT_EQ(members->members[0].incarnation, raft::Incarnation{42});
  EXPECT_EQ(members->members[1].peer_urls, std::vector<std::string>{"http://127.0.0.1:22380"});
  EXPECT_TRUE(members->members[1].learner);
  EXPECT_EQ(again.machine().recovered().config.learners, std::vector<raft::NodeId>{raft::NodeId{2}});
}

TEST(Flushing, MovesTheMarkUpToWhichTheLogMayGo) {
  MemoryHome home;
  MemberUnderTest member(home);
  member.Put("a", "1");
  EXPECT_EQ(member.machine().flushed().index, raft::Index{0});
  EXPECT_GT(member.machine().unflushed_bytes(), 0U);
  member.machine().StartFlush();
  EXPECT_EQ(member.machine().flushed().index, raft::Index{1});
  EXPECT_EQ(member.machine().unflushed_bytes(), 0U);
}

TEST(Concurrency, ReadersSeeWholeRevisionsWhileTheApplierWritesAndCompacts) {
  const TempDirectory directory;
  const std::string& root = directory.path();
  DatabaseOptions options = SmallOptions();
  options.store.key_index_bytes = 1;
  options.store.compaction_pause = std::chrono::milliseconds(0);
  MemberUnderTest member(root, options);
  std::atomic<bool> stop = false;
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      while (!stop) {
        const auto got = member.Range(All());
        ASSERT_TRUE(got.ok()) << got.status;
        for (const auto& kv : got.body.kvs()) ASSERT_EQ(kv.value(), got.body.kvs(0).value()) << got.revision;
        ASSERT_TRUE(member.reader().HashKv(Revision{0}).ok());
      }
    });
  }
  for (int i = 0; i < 300; ++i) {
    etcdserverpb::TxnRequest txn;
    for (const char* key : {"a", "b", "c"}) {
      auto& put = *txn.add_success()->mutable_request_put();
      put.set_key(key);
      put.set_value(std::to_string(i));
    }
    ASSERT_TRUE(member.Txn(txn).ok());
    if (i % 50 == 49) {
      ASSERT_TRUE(member.Compact(i).ok());
    }
    if (i % 70 == 0) member.machine().StartFlush();
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
}

TEST(Concurrency, ReadersGoOnBesideRequestsThatAreSplitRightAfterACompaction) {
  const TempDirectory directory;
  DatabaseOptions options = SmallOptions();
  options.batch_bytes = 300;
  options.store.key_index_bytes = 1;
  options.store.compaction_pause = std::chrono::milliseconds(0);
  MemberUnderTest member(directory.path(), options);
  std::atomic<bool> stop = false;
  std::atomic<int> reads = 0;
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      while (!stop) {
        const auto got = member.Range(All());
        ASSERT_TRUE(got.ok()) << got.status;
        ASSERT_TRUE(got.body.count() == 0 || got.body.count() == 40) << got.body.count();
        for (const auto& kv : got.body.kvs()) ASSERT_EQ(kv.value(), got.body.kvs(0).value()) << got.revision;
        ++reads;
      }
    });
  }
  for (int i = 0; i < 150; ++i) {
    etcdserverpb::TxnRequest txn;
    for (int key = 0; key < 40; ++key) {
      auto& put = *txn.add_success()->mutable_request_put();
      put.set_key(std::to_string(key));
      put.set_value(std::to_string(i));
    }
    etcdserverpb::CompactionRequest compact;
    compact.set_revision(i + 1);
    // In one span, so that the batch that is split begins with the compaction.
    std::vector<raft::ApplyItem> items(2);
    items[0].entry = member.NextEntry(raft::EntryKind::kCommand,
                                      EncodeCommand(CommandKind::kCompact, compact.SerializeAsString()));
    items[1].entry = member.NextEntry(raft::EntryKind::kCommand,
                                      EncodeCommand(CommandKind::kTxn, txn.SerializeAsString()));
    items[1].entry.id.index = Next(items[0].entry.id.index);
    ASSERT_TRUE(member.machine().Apply(items).ok());
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_GT(reads, 0);
}

}  // namespace
}  // namespace cairn::kv::test
