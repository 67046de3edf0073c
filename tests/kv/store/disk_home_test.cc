#include "kv/store/disk_home.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "kv/store/files.h"
#include "tests/kv/store/file_observer.h"
#include "tests/kv/store/temp_directory.h"

namespace cairn::kv::test {
namespace {

namespace fs = std::filesystem;

class DiskHomes : public testing::Test {
 protected:
  DiskHomes() {
    options_.block_cache_bytes = 1 << 20;
    options_.memtable_bytes = 1 << 20;
    options_.receive_reserve_bytes = 0;
  }

  absl::StatusOr<OpenedStore> Open() { return DiskHome(root_, options_).OpenCurrent(); }

  // A store that holds `value`, made current.
  void MakeStore(const std::string& value) {
    const absl::StatusOr<OpenedStore> store = Open();
    ASSERT_TRUE(store.ok()) << store.status();
    const auto batch = store->kv->NewBatch();
    batch->Put(Family::kMeta, "value", value);
    ASSERT_TRUE(store->kv->Write(*batch).ok());
    ASSERT_TRUE(store->kv->FlushAll().ok());
  }
  static std::string ValueOf(const absl::StatusOr<OpenedStore>& store) {
    if (!store.ok()) return store.status().ToString();
    const auto value = *store->kv->Get(Family::kMeta, "value");
    return value == nullptr ? "(empty)" : std::string(value->bytes());
  }
  void PointTo(const std::string& name) { std::ofstream(root_ + "/CURRENT") << name << "\n"; }

  const TempDirectory directory_;
  const std::string root_ = directory_.path();
  StoreOptions options_;
};

TEST_F(DiskHomes, AFreshOneMakesAnEmptyStoreAlsoWhenItDiedWhileDoingSo) {
  EXPECT_EQ(ValueOf(Open()), "(empty)");
  fs::remove_all(root_);
  fs::create_directories(root_ + "/store-000001");
  EXPECT_EQ(ValueOf(Open()), "(empty)") << "before CURRENT was written";
  fs::remove_all(root_);
  fs::create_directories(root_ + "/store-000001");
  PointTo("store-000001");
  EXPECT_EQ(ValueOf(Open()), "(empty)") << "before RocksDB had made its store";
}

TEST_F(DiskHomes, RefusesToRemoveAnythingWhenCurrentNamesNothing) {
  MakeStore("precious");
  PointTo("store-000007");
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kDataLoss) << Open().status();
  PointTo("");
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kDataLoss) << Open().status();
  fs::remove(root_ + "/CURRENT");
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kDataLoss) << Open().status();
  fs::create_directories(root_ + "/store-000007");
  PointTo("store-000007");
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kDataLoss) << "an empty one beside it";
  PointTo("store-000001");
  EXPECT_EQ(ValueOf(Open()), "precious");
}

}  // namespace
}  // namespace cairn::kv::test
