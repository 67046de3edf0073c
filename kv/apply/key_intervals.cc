#include "kv/apply/key_intervals.h"

#include <algorithm>
#include <utility>

#include "kv/model/range.h"

namespace cairn::kv {

void KeyIntervals::Add(std::string_view key, std::string_view range_end) {
  KeyRange range = KeyRange::FromRequest(key, range_end);
  if (range.IsEmpty()) return;
  Insert(std::move(range.begin), range.unbounded ? End() : End(std::move(range.end)));
}

void KeyIntervals::AddAll(const KeyIntervals& other) {
  for (const auto& [begin, end] : other.by_begin_) Insert(begin, end);
}

void KeyIntervals::Insert(std::string begin, End end) {
  auto it = by_begin_.upper_bound(begin);
  if (it != by_begin_.begin()) {
    const auto before = std::prev(it);
    if (!before->second || *before->second >= begin) it = before;
  }
  // Takes in every interval that begins before the new one ends.
  while (it != by_begin_.end() && (!end || it->first <= *end)) {
    begin = std::min(begin, it->first);
    if (end && (!it->second || *it->second > *end)) end = it->second;
    it = by_begin_.erase(it);
  }
  by_begin_.emplace(std::move(begin), std::move(end));
}

bool KeyIntervals::Contains(std::string_view key) const {
  auto it = by_begin_.upper_bound(key);
  if (it == by_begin_.begin()) return false;
  --it;
  return !it->second || key < *it->second;
}

}  // namespace cairn::kv
