#pragma once

#include <string>
#include <string_view>

namespace cairn::kv {

// Keys from `begin` on, below `end`; an unbounded range has no end. Keys are ordered as unsigned bytes.
struct KeyRange {
  std::string begin;
  std::string end;
  bool unbounded = false;

  // etcd's convention: an empty range_end means the single key, one zero byte means "from key on".
  static KeyRange FromRequest(std::string_view key, std::string_view range_end);

  [[nodiscard]] bool Contains(std::string_view key) const { return key >= begin && (unbounded || key < end); }
  [[nodiscard]] bool Overlaps(const KeyRange& other) const {
    return (unbounded || other.begin < end) && (other.unbounded || begin < other.end);
  }
  [[nodiscard]] bool IsSingle() const {
    return !unbounded && end.size() == begin.size() + 1 && end.back() == '\0' && end.starts_with(begin);
  }
  [[nodiscard]] bool IsEmpty() const { return !unbounded && end <= begin; }
};

}  // namespace cairn::kv
