#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// The ordered-KV port under the store: several named families of ordered byte strings, written in atomic
// batches, without a log of its own (the Raft log is the log), made durable as a whole by FlushAll(). Two
// implementations: RocksDB (kv/store/rocks_kv.h) and a deterministic in-memory one (kv/store/memory_kv.h); a
// model test holds them equal.
namespace cairn::kv {

enum class Family : std::uint8_t { kRevisions, kIndex, kLease, kAuth, kSession, kMeta };
inline constexpr std::size_t kFamilies = 6;

class WriteBatch {
 public:
  virtual ~WriteBatch() = default;
  virtual void Put(Family family, std::string_view key, std::string_view value) = 0;
  virtual void Delete(Family family, std::string_view key) = 0;
  virtual void DeleteRange(Family family, std::string_view from, std::string_view to) = 0;  // [from, to)
  virtual void Clear() = 0;
  [[nodiscard]] virtual std::size_t bytes() const = 0;
};

// Walks one family within bounds, in byte order. After each move check Valid(); when it turns false,
// status().
class Cursor {
 public:
  virtual ~Cursor() = default;
  virtual void Seek(std::string_view key) = 0;         // First key >= `key`.
  virtual void SeekForPrev(std::string_view key) = 0;  // Last key <= `key`.
  virtual void Next() = 0;
  virtual void Prev() = 0;
  [[nodiscard]] virtual bool Valid() const = 0;
  [[nodiscard]] virtual std::string_view key() const = 0;    // Until the next move.
  [[nodiscard]] virtual std::string_view value() const = 0;  // Until the next move.
  [[nodiscard]] virtual absl::Status status() const = 0;
};

// An unchanging view. Must not outlive the OrderedKv. Thread-safe for reading.
class KvSnapshot {
 public:
  virtual ~KvSnapshot() = default;
};

// A value that stays where the store has it until released.
class PinnedValue {
 public:
  virtual ~PinnedValue() = default;
  [[nodiscard]] virtual std::string_view bytes() const = 0;
};

// Whether what a cursor reads stays in the cache: not where a long walk would push out what others need.
enum class CacheUse : std::uint8_t { kFill, kPassBy };

struct CursorBounds {
  std::string lower;                 // Inclusive.
  std::optional<std::string> upper;  // Exclusive; nothing: to the family's end.
  CacheUse cache = CacheUse::kFill;
};

class OrderedKv {
 public:
  virtual ~OrderedKv() = default;

  virtual std::unique_ptr<WriteBatch> NewBatch() = 0;
  // Atomic and at once visible; durable after the next FlushAll(). Thread-safe; batches that touch the same
  // keys come from one thread at a time.
  virtual absl::Status Write(WriteBatch& batch) = 0;

  // `snapshot` null: the state now. nullptr if there is no such key.
  virtual absl::StatusOr<std::unique_ptr<PinnedValue>> Get(Family family, std::string_view key,
                                                           const KvSnapshot* snapshot = nullptr) = 0;
  virtual std::unique_ptr<Cursor> NewCursor(Family family, CursorBounds bounds,
                                            const KvSnapshot* snapshot = nullptr) = 0;
  virtual std::unique_ptr<KvSnapshot> NewSnapshot() = 0;

  // Makes all families durable as of one point between two writes. The only flush there is.
  virtual absl::Status FlushAll() = 0;
  // A consistent copy of the state in a new directory (files are linked where possible). Flushes first.
  virtual absl::Status Checkpoint(const std::string& directory) = 0;

  // Written since the last FlushAll() began. Cheap.
  [[nodiscard]] virtual std::uint64_t unflushed_bytes() const = 0;
  [[nodiscard]] virtual std::uint64_t bytes_on_disk() const = 0;
};

}  // namespace cairn::kv
