#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "kv/model/range.h"
#include "kv/watch/range_tree.h"
#include "kv/watch/watcher.h"

namespace cairn::kv {

// The distinct ranges that somebody watches, and which of them a key touches: a hash table for single keys, a
// tree for the others. Owns the groups. Not thread-safe.
class RangeIndex {
 public:
  // The seed keeps the tree shallow whatever ranges a client chooses, if it does not know it.
  explicit RangeIndex(std::uint64_t seed) : ranges_(seed) {}

  // The group of `range`; a new one, with this floor, if nobody watches the range yet.
  RangeGroup& FindOrCreate(const KeyRange& range, Revision floor);

  // REQUIRES: group.members == 0.
  void Erase(RangeGroup& group);

  // Calls found(RangeGroup&) for every group whose range contains `key`.
  template <typename Found>
  void ForEachContaining(std::string_view key, const Found& found) {
    // Debian's absl::string_view is a type of its own: the table is asked with the standard one, its key.
    if (const auto single = singles_.find(key); single != singles_.end()) found(*single->second);
    if (!ranges_.empty()) ranges_.ForEachContaining(key, found);
  }

  // Calls visit(RangeGroup&) for every group.
  template <typename Visit>
  void ForEach(const Visit& visit) const {
    for (const auto& [pointer, group] : groups_) visit(*group);
  }

  [[nodiscard]] std::size_t size() const { return groups_.size(); }

 private:
  absl::flat_hash_map<const RangeGroup*, std::unique_ptr<RangeGroup>> groups_;
  absl::flat_hash_map<std::string_view, RangeGroup*> singles_;  // Keys are inside the groups.
  RangeTree<RangeGroup> ranges_;                                // All the others.
};

}  // namespace cairn::kv
