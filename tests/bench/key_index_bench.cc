// Which layout the key index in memory has (docs/key-index.md): inserts in random order, look-ups that hit
// and miss, and short scans, for each candidate at 100 thousand, 3 million and 10 million keys.
//
//   key_index_bench --benchmark_filter=/3000000/

#include <absl/container/btree_map.h>
#include <absl/synchronization/mutex.h>
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <malloc.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "kv/store/key_table.h"
#include "raft/base/rng.h"

namespace {

using cairn::Rng;
using cairn::kv::KeyTable;
using cairn::kv::LeaseId;
using cairn::kv::Revision;
using cairn::kv::RevisionId;
using cairn::kv::VersionInfo;

constexpr RevisionId kLatest{.main = Revision{std::numeric_limits<std::int64_t>::max()}, .sub = 0};

// 24 bytes, in an order that is not that of the keys.
std::string Key(std::uint64_t number) { return fmt::format("/registry/{:014x}", Rng(number).Next() >> 8); }

struct Composite {
  std::string key;
  RevisionId id;
};
struct CompositeView {
  std::string_view key;
  RevisionId id;
};
struct ByKeyThenNewest {
  using is_transparent = void;
  template <typename A, typename B>
  bool operator()(const A& a, const B& b) const {
    const int order = std::string_view(a.key).compare(std::string_view(b.key));
    return order != 0 ? order < 0 : a.id > b.id;
  }
};

// A tree under a reader-writer lock, as every candidate that rebalances needs one.
template <typename Tree>
class LockedTree {
 public:
  void Insert(std::string_view key, const VersionInfo& info) {
    absl::MutexLock lock(&mu_);
    tree_.emplace(Composite{std::string(key), info.id}, info);
  }
  std::optional<VersionInfo> Newest(std::string_view key, RevisionId at) {
    absl::ReaderMutexLock lock(&mu_);
    auto it = tree_.lower_bound(CompositeView{key, at});
    if (it == tree_.end() || it->first.key != key) return std::nullopt;
    return it->second;
  }
  std::int64_t Scan(std::string_view key, int count) {
    absl::ReaderMutexLock lock(&mu_);
    std::int64_t sum = 0;
    for (auto it = tree_.lower_bound(CompositeView{key, kLatest}); it != tree_.end() && count-- > 0; ++it) {
      sum += it->second.id.main.value();
    }
    return sum;
  }

 private:
  absl::Mutex mu_;
  Tree tree_;
};

using StdMap = LockedTree<std::map<Composite, VersionInfo, ByKeyThenNewest>>;
using BTree = LockedTree<absl::btree_map<Composite, VersionInfo, ByKeyThenNewest>>;

// Sixteen B-trees by hash of the key; a scan has to merge them.
class ShardedBTree {
 public:
  void Insert(std::string_view key, const VersionInfo& info) { Shard(key).Insert(key, info); }
  std::optional<VersionInfo> Newest(std::string_view key, RevisionId at) {
    return Shard(key).Newest(key, at);
  }
  std::int64_t Scan(std::string_view key, int count) {
    std::int64_t sum = 0;
    for (auto& shard : shards_) sum += shard.Scan(key, count / 4);  // A lower bound: the merge is left out.
    return sum;
  }

 private:
  BTree& Shard(std::string_view key) { return shards_[std::hash<std::string_view>{}(key) % shards_.size()]; }
  std::array<BTree, 16> shards_;
};

class SkipList {
 public:
  void Insert(std::string_view key, const VersionInfo& info) { table_.Insert(key, info); }
  std::optional<VersionInfo> Newest(std::string_view key, RevisionId at) { return table_.Newest(key, at); }
  std::int64_t Scan(std::string_view key, int count) {
    std::int64_t sum = 0;
    KeyTable::Iterator it(table_);
    for (it.Seek(key, kLatest); it.Valid() && count-- > 0; it.Next()) sum += it.info().id.main.value();
    return sum;
  }

 private:
  KeyTable table_;
};

// What malloc has handed out; unlike the resident size it falls when a table is dropped.
std::size_t AllocatedBytes() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

// One table lives at a time, so that the large ones are not paged against each other.
std::shared_ptr<void> current;
const void* current_kind = nullptr;
std::uint64_t current_keys = 0;

template <typename Table>
Table& Filled(std::uint64_t keys) {
  static const char kKind = 0;
  if (current_kind != &kKind || current_keys != keys) {
    current = std::make_shared<Table>();
    auto& table = *static_cast<Table*>(current.get());
    for (std::uint64_t i = 0; i < keys; ++i) {
      table.Insert(
          Key(i),
          {.id = {.main = Revision{static_cast<std::int64_t>(i)}}, .create = Revision{1}, .version = 1});
    }
    current_kind = &kKind;
    current_keys = keys;
  }
  return *static_cast<Table*>(current.get());
}

template <typename Table>
void Insert(benchmark::State& state) {
  const auto keys = static_cast<std::uint64_t>(state.range(0));
  for (auto _ : state) {
    current.reset();
    current_kind = nullptr;
    const std::size_t before = AllocatedBytes();
    const auto begin = std::chrono::steady_clock::now();
    Filled<Table>(keys);
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
    state.counters["ns/key"] = took.count() / static_cast<double>(keys);
    state.counters["B/key"] = static_cast<double>(AllocatedBytes() - before) / static_cast<double>(keys);
  }
}

template <typename Table>
void Hit(benchmark::State& state) {
  const auto keys = static_cast<std::uint64_t>(state.range(0));
  Table& table = Filled<Table>(keys);
  Rng rng(7);
  for (auto _ : state) benchmark::DoNotOptimize(table.Newest(Key(rng.Below(keys)), kLatest));
}

template <typename Table>
void Miss(benchmark::State& state) {
  const auto keys = static_cast<std::uint64_t>(state.range(0));
  Table& table = Filled<Table>(keys);
  Rng rng(7);
  for (auto _ : state) benchmark::DoNotOptimize(table.Newest(Key(keys + rng.Below(keys)), kLatest));
}

template <typename Table>
void Scan100(benchmark::State& state) {
  const auto keys = static_cast<std::uint64_t>(state.range(0));
  Table& table = Filled<Table>(keys);
  Rng rng(7);
  for (auto _ : state) benchmark::DoNotOptimize(table.Scan(Key(rng.Below(keys)), 100));
}

// What making the keys costs; part of every figure above.
void KeyAlone(benchmark::State& state) {
  Rng rng(7);
  for (auto _ : state) benchmark::DoNotOptimize(Key(rng.Below(1000)));
}
BENCHMARK(KeyAlone);

#define LAYOUT(Table, keys)                                                          \
  BENCHMARK(Insert<Table>)->Arg(keys)->Iterations(1)->Unit(benchmark::kMillisecond); \
  BENCHMARK(Hit<Table>)->Arg(keys)->MinTime(0.3);                                    \
  BENCHMARK(Miss<Table>)->Arg(keys)->MinTime(0.3);                                   \
  BENCHMARK(Scan100<Table>)->Arg(keys)->MinTime(0.3)

#define SIZE(keys)            \
  LAYOUT(StdMap, keys);       \
  LAYOUT(BTree, keys);        \
  LAYOUT(ShardedBTree, keys); \
  LAYOUT(SkipList, keys)

SIZE(100'000);
SIZE(3'000'000);
SIZE(10'000'000);

}  // namespace
