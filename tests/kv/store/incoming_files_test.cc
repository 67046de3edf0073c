#include "kv/store/incoming_files.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "kv/store/disk_home.h"
#include "kv/store/snapshot_transfer.h"
#include "tests/kv/store/file_observer.h"
#include "tests/kv/store/temp_directory.h"

namespace cairn::kv::test {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kSync = IncomingFiles::kSyncBytes;

class Incoming : public testing::Test {
 protected:
  Incoming() {
    options_.block_cache_bytes = 1 << 20;
    options_.memtable_bytes = 1 << 20;
    options_.receive_reserve_bytes = 0;
    fs::create_directories(root_);
  }

  static ImageManifest OneFile(std::uint64_t size) {
    return {.origin = "o", .position = "index 7 term 1", .files = {{.name = "1.sst", .size = size}}};
  }
  absl::StatusOr<std::unique_ptr<IncomingStore>> Begin(const ImageManifest& manifest) {
    return home_->Receive(manifest);
  }
  std::vector<std::string> Stores() {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(root_)) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with("store-")) found.push_back(name);
    }
    return found;
  }

  const TempDirectory directory_;
  const std::string root_ = directory_.path() + "/receiver";
  const std::string part_ = root_ + "/incoming/1.sst.part";
  StoreOptions options_;
  std::unique_ptr<DiskHome> home_ = std::make_unique<DiskHome>(root_, options_);
};

TEST_F(Incoming, AFileThatEndsAtAMarkMayNotHaveBeenSyncedThere) {
  auto incoming = *Begin(OneFile(3 * kSync));
  {
    // The process dies in the second sync: nobody tidies up after it.
    int syncs = 0;
    const FileObserver dying([&](std::string_view operation, const std::string& path) {
      const bool second = path == part_ && operation == "sync" && ++syncs == 2;
      return second || (operation == "truncate") ? absl::InternalError("dead") : absl::OkStatus();
    });
    EXPECT_FALSE(incoming->Write(incoming->next(), std::string(2 * kSync, 'x')).ok());
  }
  EXPECT_EQ(fs::file_size(part_), 2 * kSync);
  incoming = *Begin(OneFile(3 * kSync));
  EXPECT_EQ(incoming->next(), (IncomingStore::Position{.file = 0, .offset = kSync}));
  EXPECT_EQ(fs::file_size(part_), kSync);
}

TEST_F(Incoming, AfterASyncThatFailedWhatIsBelowTheLastMarkCountsAndNothingElse) {
  auto incoming = *Begin(OneFile(3 * kSync));
  ASSERT_TRUE(incoming->Write(incoming->next(), std::string(kSync, 'x')).ok());
  {
    const FileObserver failing([](std::string_view operation, const std::string&) {
      return operation == "sync" ? absl::InternalError("the disk failed") : absl::OkStatus();
    });
    EXPECT_FALSE(incoming->Write(incoming->next(), std::string(kSync + 1, 'y')).ok());
  }
  EXPECT_EQ(incoming->next(), (IncomingStore::Position{.file = 0, .offset = kSync}));
  EXPECT_EQ(fs::file_size(part_), kSync);
  ASSERT_TRUE(incoming->Write(incoming->next(), std::string(2 * kSync, 'z')).ok());
  EXPECT_EQ(incoming->next(), (IncomingStore::Position{.file = 1, .offset = 0}));
}

TEST_F(Incoming, WhatDoesNotFitIsRefusedAtOnceAndKeepsNothing) {
  ASSERT_TRUE((*Begin(OneFile(1000)))->Write({}, "some").ok());
  const absl::Status huge = Begin(OneFile(std::uint64_t{1} << 62)).status();
  EXPECT_EQ(huge.code(), absl::StatusCode::kFailedPrecondition) << huge;
  EXPECT_NE(huge.message().find("make room"), std::string::npos);
  EXPECT_FALSE(fs::exists(root_ + "/incoming"));
  ImageManifest overflowing = OneFile(~std::uint64_t{0});
  overflowing.files.push_back({.name = "2.sst", .size = 2});
  EXPECT_EQ(Begin(overflowing).status().code(), absl::StatusCode::kFailedPrecondition);

  options_.receive_reserve_bytes = std::uint64_t{1} << 62;
  home_ = std::make_unique<DiskHome>(root_, options_);
  EXPECT_EQ(Begin(OneFile(1000)).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(fs::exists(root_ + "/incoming"));
}

TEST_F(Incoming, ASnapshotThatCannotBeOpenedLeavesNoCopy) {
  // Not a store at all.
  auto incoming = *Begin({.origin = "o", .position = "p", .files = {{.name = "CURRENT", .size = 8}}});
  ASSERT_TRUE(incoming->Write({}, "nonsense").ok());
  EXPECT_FALSE(incoming->Open().ok());
  EXPECT_EQ(Stores(), std::vector<std::string>());
}

TEST_F(Incoming, AStoreThatIsNoMembersLeavesNoCopy) {
  DiskHome other(directory_.path() + "/sender", options_);
  const OpenedStore empty = *other.OpenCurrent();
  const auto image = *other.MakeImage(empty);
  const ImageManifest manifest{.origin = image->origin(), .position = "p", .files = image->files()};
  auto sink = *MakeSnapshotSink(*home_, options_, {}, manifest.Encode(), nullptr);
  while (sink->next().file < image->files().size()) {
    std::string bytes;
    ASSERT_TRUE(image->Read(sink->next().file, sink->next().offset, 1 << 20, bytes).ok());
    ASSERT_TRUE(sink->Write(sink->next(), bytes).ok());
  }
  EXPECT_EQ(sink->Finish().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Stores(), std::vector<std::string>());
}

TEST_F(Incoming, ABrokenTransferIsForgottenWhenItsPositionIsObsolete) {
  ASSERT_TRUE((*Begin(OneFile(1000)))->Write({}, "some").ok());
  std::string asked;
  home_->ForgetIncoming([&asked](std::string_view position) {
    asked = position;
    return false;
  });
  EXPECT_EQ(asked, "index 7 term 1");
  EXPECT_TRUE(fs::exists(part_));
  home_->ForgetIncoming([](std::string_view) { return true; });
  EXPECT_FALSE(fs::exists(root_ + "/incoming"));
}

TEST(SnapshotPosition, IsBehindAStateThatHasAppliedIt) {
  EXPECT_TRUE(IsBehind("index 7 term 1", raft::Index{7}));
  EXPECT_FALSE(IsBehind("index 7 term 1", raft::Index{6}));
  EXPECT_FALSE(IsBehind("somewhere", raft::Index{6}));
}

}  // namespace
}  // namespace cairn::kv::test
