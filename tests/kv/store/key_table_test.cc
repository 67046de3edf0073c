#include "kv/store/key_table.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace cairn::kv {
namespace {

RevisionId Id(std::int64_t main, std::int64_t sub = 0) { return {.main = Revision{main}, .sub = sub}; }

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

}  // namespace
}  // namespace cairn::kv
