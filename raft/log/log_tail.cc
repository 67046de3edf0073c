#include "raft/log/log_tail.h"

#include <algorithm>

#include "raft/base/assert.h"

namespace cairn::raft {

LogTail::LogTail(EntryId base, std::span<const Entry> entries) : base_(base), last_(base) {
  for (const Entry& entry : entries) Append(entry.id);
}

EntryId LogTail::At(Index index) const {
  CAIRN_ASSERT(index >= base_.index, "index={} base={}", index, base_.index);
  CAIRN_ASSERT(index <= last_.index, "index={} last={}", index, last_.index);
  const auto later =
      std::upper_bound(starts_.begin(), starts_.end(), index,
                       [](Index wanted, const EntryId& start) { return wanted < start.index; });
  return {later == starts_.begin() ? base_.term : std::prev(later)->term, index};
}

void LogTail::Append(const EntryId& id) {
  CAIRN_ASSERT(id.index == Next(last_.index), "gap: index={} last={}", id.index, last_.index);
  CAIRN_ASSERT(id.term >= last_.term, "term falls: index={} term={} before={}", id.index, id.term,
               last_.term);
  if (id.term != last_.term) starts_.push_back(id);
  last_ = id;
}

void LogTail::TruncateAfter(Index index) {
  last_ = At(index);
  while (!starts_.empty() && starts_.back().index > index) starts_.pop_back();
}

void LogTail::ReleaseUpTo(Index index) {
  base_ = At(index);
  while (!starts_.empty() && starts_.front().index <= index) starts_.pop_front();
}

}  // namespace cairn::raft
