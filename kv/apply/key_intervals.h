#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace cairn::kv {

// A union of key ranges.
class KeyIntervals {
 public:
  // etcd's conventions for key and range_end.
  void Add(std::string_view key, std::string_view range_end);
  void AddAll(const KeyIntervals& other);
  [[nodiscard]] bool Contains(std::string_view key) const;

 private:
  using End = std::optional<std::string>;  // Exclusive; nothing: no end.

  void Insert(std::string begin, End end);

  std::map<std::string, End, std::less<>> by_begin_;  // Disjoint and not touching.
};

}  // namespace cairn::kv
