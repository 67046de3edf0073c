// RocksDB and memory behind the ordered-KV port: the same operations give the same answers.

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kv/store/memory_kv.h"
#include "kv/store/rocks_kv.h"
#include "raft/base/rng.h"
#include "tests/kv/store/temp_directory.h"

namespace cairn::kv {
namespace {

std::string RandomKey(Rng& rng) {
  std::string key;
  for (std::uint64_t n = rng.Below(4); n > 0; --n)
    key.push_back(
        "\0\x01"
        "az\xff"[rng.Below(5)]);
  return key;
}

std::string Dump(OrderedKv& kv, const KvSnapshot* snapshot) {
  std::string out;
  for (std::size_t family = 0; family < kFamilies; ++family) {
    const auto cursor = kv.NewCursor(static_cast<Family>(family), {}, snapshot);
    for (cursor->Seek(""); cursor->Valid(); cursor->Next()) {
      out += std::to_string(family) + ":" + std::string(cursor->key()) + "=" + std::string(cursor->value()) +
             ";";
    }
    EXPECT_TRUE(cursor->status().ok());
  }
  return out;
}

std::string Value(absl::StatusOr<std::unique_ptr<PinnedValue>> got) {
  EXPECT_TRUE(got.ok()) << got.status();
  return *got == nullptr ? "(none)" : std::string((*got)->bytes());
}

class OrderedKvModel : public testing::TestWithParam<std::uint64_t> {};

TEST_P(OrderedKvModel, RocksDbAndMemoryAgree) {
  const test::TempDirectory directory;
  const std::string& root = directory.path();
  StoreOptions options;
  options.memtable_bytes = 1 << 20;
  auto rocks = *OpenRocksKv(root + "/db", options);
  auto memory = std::make_unique<MemoryKv>();
  Rng rng(GetParam());
  std::vector<std::pair<std::unique_ptr<KvSnapshot>, std::unique_ptr<KvSnapshot>>> snapshots;
  for (int step = 0; step < 400; ++step) {
    const auto family = static_cast<Family>(rng.Below(kFamilies));
    const std::uint64_t dice = rng.Below(10);
    if (dice < 5) {
      const auto a = rocks->NewBatch();
      const auto b = memory->NewBatch();
      for (std::uint64_t n = rng.Below(6); n > 0; --n) {
        const auto to = static_cast<Family>(rng.Below(kFamilies));
        const std::string key = RandomKey(rng);
        const std::string other = RandomKey(rng);
        const std::uint64_t kind = rng.Below(8);
        for (WriteBatch* batch : {a.get(), b.get()}) {
          if (kind < 5) batch->Put(to, key, std::to_string(step));
          if (kind >= 5 && kind < 7) batch->Delete(to, key);
          if (kind == 7 && key <= other) batch->DeleteRange(to, key, other);
        }
      }
      ASSERT_TRUE(rocks->Write(*a).ok());
      ASSERT_TRUE(memory->Write(*b).ok());
    } else if (dice == 5) {
      snapshots.emplace_back(rocks->NewSnapshot(), memory->NewSnapshot());
      if (snapshots.size() > 3) snapshots.erase(snapshots.begin());
    } else if (dice == 6 && rng.Chance(1, 4)) {
      ASSERT_TRUE(rocks->FlushAll().ok());
      ASSERT_TRUE(memory->FlushAll().ok());
      EXPECT_EQ(rocks->unflushed_bytes(), 0U);
    } else {
      const std::string key = RandomKey(rng);
      EXPECT_EQ(Value(rocks->Get(family, key)), Value(memory->Get(family, key, nullptr)));
      CursorBounds bounds{.lower = RandomKey(rng), .upper = std::nullopt};
      if (rng.Chance(1, 2)) bounds.upper = bounds.lower + RandomKey(rng);
      const auto a = rocks->NewCursor(family, bounds);
      const auto b = memory->NewCursor(family, bounds, nullptr);
      const bool forward = rng.Chance(1, 2);
      for (Cursor* cursor : {a.get(), b.get()}) forward ? cursor->Seek(key) : cursor->SeekForPrev(key);
      for (int move = 0; move < 4; ++move) {
        ASSERT_EQ(a->Valid(), b->Valid()) << "seed " << GetParam() << " step " << step;
        if (!a->Valid()) break;
        EXPECT_EQ(a->key(), b->key());
        EXPECT_EQ(a->value(), b->value());
        const bool next = rng.Chance(1, 2);
        for (Cursor* cursor : {a.get(), b.get()}) next ? cursor->Next() : cursor->Prev();
      }
    }
    if (step % 40 == 0) {
      EXPECT_EQ(Dump(*rocks, nullptr), Dump(*memory, nullptr));
      for (const auto& [a, b] : snapshots) EXPECT_EQ(Dump(*rocks, a.get()), Dump(*memory, b.get()));
    }
  }
  snapshots.clear();
  ASSERT_TRUE(rocks->FlushAll().ok());
  ASSERT_TRUE(memory->FlushAll().ok());
  const std::string flushed = Dump(*memory, nullptr);
  for (OrderedKv* kv : {rocks.get(), static_cast<OrderedKv*>(memory.get())}) {
    const auto batch = kv->NewBatch();
    batch->Put(Family::kMeta, "lost", "x");
    ASSERT_TRUE(kv->Write(*batch).ok());
  }
  rocks.reset();  // Closing is no flush.
  rocks = *OpenRocksKv(root + "/db", options);
  memory->Crash();
  EXPECT_EQ(Dump(*rocks, nullptr), flushed);
  EXPECT_EQ(Dump(*memory, nullptr), flushed);
  EXPECT_EQ(Dump(**MemoryKv::Load(memory->Serialize()), nullptr), flushed);
  ASSERT_TRUE(rocks->Checkpoint(root + "/copy").ok());
  EXPECT_EQ(Dump(**OpenRocksKvReadOnly(root + "/copy", options), nullptr), flushed);
  rocks.reset();
}

INSTANTIATE_TEST_SUITE_P(Seeds, OrderedKvModel, testing::Range<std::uint64_t>(1, 5));

TEST(MemoryKv, LoadRefusesEveryDamagedLength) {
  MemoryKv kv;
  const auto batch = kv.NewBatch();
  batch->Put(Family::kMeta, "key", "value");
  ASSERT_TRUE(kv.Write(*batch).ok());
  ASSERT_TRUE(kv.FlushAll().ok());
  const std::string whole = kv.Serialize();
  for (std::size_t cut = 1; cut < whole.size(); ++cut)
    EXPECT_FALSE(MemoryKv::Load(whole.substr(0, cut)).ok()) << cut;
}

}  // namespace
}  // namespace cairn::kv
