#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "kv/store/ordered_kv.h"

namespace cairn::kv {

// The ordered-KV port in memory, for tests and simulation. Deterministic: nothing happens but in a call.
// Nothing is durable but what FlushAll() has covered; Crash() takes the rest away, as a loss of power would.
// Thread-safe.
class MemoryKv final : public OrderedKv {
 public:
  MemoryKv() = default;

  std::unique_ptr<WriteBatch> NewBatch() override;
  absl::Status Write(WriteBatch& batch) override;
  absl::StatusOr<std::unique_ptr<PinnedValue>> Get(Family family, std::string_view key,
                                                   const KvSnapshot* snapshot) override;
  std::unique_ptr<Cursor> NewCursor(Family family, CursorBounds bounds, const KvSnapshot* snapshot) override;
  std::unique_ptr<KvSnapshot> NewSnapshot() override;
  absl::Status FlushAll() override;
  // One file named "content", as Serialize() makes it.
  absl::Status Checkpoint(const std::string& directory) override;
  [[nodiscard]] std::uint64_t unflushed_bytes() const override;
  [[nodiscard]] std::uint64_t bytes_on_disk() const override;

  // Back to the last flush. REQUIRES: no snapshot or cursor is open.
  void Crash();

  // The flushed content as bytes, and back. Load() is an error for bytes not made by Serialize().
  [[nodiscard]] std::string Serialize() const;
  static absl::StatusOr<std::unique_ptr<MemoryKv>> Load(std::string_view bytes);

  // Versions and deletions in memory; of a key that no snapshot holds on to, one version or nothing.
  [[nodiscard]] std::size_t versions() const;

  // Batches written so far.
  [[nodiscard]] std::uint64_t writes() const;
  // Flushes by itself right after the write of that number, as RocksDB may at any time.
  void FlushAfterWrite(std::uint64_t number);

 private:
  class Batch;
  class Snapshot;
  class MemoryCursor;
  class Value;

  using Shared = std::shared_ptr<const std::string>;  // Null: deleted.
  // A key's values with the number of the write that made them, ascending.
  using History = std::vector<std::pair<std::uint64_t, Shared>>;
  using Map = std::map<std::string, History, std::less<>>;
  struct Stale {
    std::uint64_t replaced_by;
    Family family;
    std::string key;
  };
  struct Undo {
    Family family;
    std::string key;
    Shared before;
  };

  void Set(Family family, std::string_view key, Shared value) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  [[nodiscard]] static Shared At(const History& history, std::uint64_t number);
  void Release(std::uint64_t number);
  // Drops versions that no open snapshot and no later one can see.
  void Forget(Map& map, Map::iterator it) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  [[nodiscard]] std::uint64_t OldestSnapshot() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  mutable absl::Mutex mu_;
  std::array<Map, kFamilies> maps_ ABSL_GUARDED_BY(mu_);
  std::uint64_t number_ ABSL_GUARDED_BY(mu_) = 0;                // Of the last write.
  std::multiset<std::uint64_t> snapshots_ ABSL_GUARDED_BY(mu_);  // Numbers that are still looked at.
  // Keys with a version that only a snapshot keeps, and the write that replaced it. Ascending.
  std::deque<Stale> stale_ ABSL_GUARDED_BY(mu_);
  std::vector<Undo> undo_ ABSL_GUARDED_BY(mu_);         // Since the last flush, oldest first.
  std::uint64_t flush_after_ ABSL_GUARDED_BY(mu_) = 0;  // A write's number; 0: none.
  std::uint64_t unflushed_ ABSL_GUARDED_BY(mu_) = 0;
  std::uint64_t content_bytes_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace cairn::kv
