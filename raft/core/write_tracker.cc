#include "raft/core/write_tracker.h"

#include <algorithm>

#include "raft/base/assert.h"

namespace cairn::raft {

WriteNumber WriteTracker::Begin(Index last) {
  last_begun_ = Next(last_begun_);
  writes_.push_back({.number = last_begun_, .last = last});
  return last_begun_;
}

void WriteTracker::Void(Index from) {
  CAIRN_ASSERT(from > Index{}, "from={}", from);
  const Index kept = Previous(from);
  durable_ = std::min(durable_, kept);
  for (Write& write : writes_) write.last = std::min(write.last, kept);
}

void WriteTracker::Persisted(WriteNumber write) {
  CAIRN_ASSERT(write <= last_begun_, "write={} last_begun={}", write, last_begun_);
  if (write <= persisted_) return;
  persisted_ = write;
  auto end = writes_.begin();
  for (; end != writes_.end() && end->number <= write; ++end) durable_ = std::max(durable_, end->last);
  writes_.erase(writes_.begin(), end);
}

void WriteTracker::Restart(Index base) {
  durable_ = base;
  for (Write& write : writes_) write.last = base;
}

}  // namespace cairn::raft
