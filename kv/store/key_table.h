#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "kv/model/revision.h"
#include "raft/base/rng.h"

namespace cairn::kv {

// What an index knows of one version of a key: everything but the value.
struct VersionInfo {
  RevisionId id{};
  Revision create{};
  std::int64_t version = 0;
  LeaseId lease{};
  bool deletion = false;  // A tombstone; the fields above other than `id` are 0.

  friend bool operator==(const VersionInfo&, const VersionInfo&) = default;
};

// An ordered map (key, descending revision) -> VersionInfo in memory: a skip list in an arena.
//
// One thread inserts, any number read at the same time without a lock. Nothing is ever removed; the whole
// table is dropped when it has been written to the index family. Why a skip list: docs/key-index.md.
class KeyTable {
 public:
  KeyTable();
  ~KeyTable();
  KeyTable(const KeyTable&) = delete;
  KeyTable& operator=(const KeyTable&) = delete;

  // REQUIRES: (key, info.id) is not there yet. Copies the key.
  void Insert(std::string_view key, const VersionInfo& info);

  // The newest version of `key` at or below `at`.
  [[nodiscard]] std::optional<VersionInfo> Newest(std::string_view key, RevisionId at) const;

  [[nodiscard]] std::size_t size() const { return size_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  struct Node;

 public:
  // Walks (key ascending, revision descending). Sees what was inserted before it stepped past the place; the
  // table must outlive it.
  class Iterator {
   public:
    explicit Iterator(const KeyTable& table) : table_(&table) {}
    [[nodiscard]] bool Valid() const { return node_ != nullptr; }
    [[nodiscard]] std::string_view key() const;
    [[nodiscard]] VersionInfo info() const;
    void Next();
    void SeekToFirst();
    // First version at or below `at` of `key`, or the first of a later key.
    void Seek(std::string_view key, RevisionId at);

   private:
    const KeyTable* table_;
    const Node* node_ = nullptr;
  };

 private:
  static constexpr int kHeightMax = 13;  // One in four goes up: enough for 4^13 = 67 million nodes.

  [[nodiscard]] Node* NewNode(std::string_view key, const VersionInfo& info, int height);
  [[nodiscard]] char* Allocate(std::size_t bytes);
  [[nodiscard]] int RandomHeight();
  // The first node not before (key, at); `before`, if given, takes the last node before it on every level.
  [[nodiscard]] Node* FindNotBefore(std::string_view key, RevisionId at, Node** before) const;

  std::vector<std::unique_ptr<char[]>> blocks_;
  char* free_ = nullptr;
  std::size_t free_bytes_ = 0;
  Node* head_;
  std::atomic<int> height_{1};
  std::atomic<std::size_t> size_{0};
  std::atomic<std::size_t> bytes_{0};
  Rng rng_{0x6b657973};  // The shape of the list shows in no answer; a fixed seed keeps runs repeatable.
};

}  // namespace cairn::kv
