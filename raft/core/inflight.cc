#include "raft/core/inflight.h"

#include <algorithm>

#include "raft/base/assert.h"

namespace cairn::raft {

void Inflight::Add(Index last, std::size_t bytes) {
  CAIRN_ASSERT(!full(), "count={} bytes={}", count_, bytes_);
  if (count_ == ring_.size()) Grow();
  if (count_ > 0) {
    const Append& newest = ring_[(start_ + count_ - 1) % ring_.size()];
    CAIRN_ASSERT(newest.last < last, "last={} newest={}", last, newest.last);
  }
  ring_[(start_ + count_) % ring_.size()] = {.last = last, .bytes = bytes};
  ++count_;
  bytes_ += bytes;
}

void Inflight::FreeUpTo(Index match) {
  while (count_ > 0 && front().last <= match) PopFront();
}

void Inflight::FreeOldest() {
  if (count_ > 0) PopFront();
}

void Inflight::Clear() {
  start_ = 0;
  count_ = 0;
  bytes_ = 0;
}

void Inflight::PopFront() {
  CAIRN_ASSERT(bytes_ >= front().bytes, "bytes={} front={}", bytes_, front().bytes);
  bytes_ -= front().bytes;
  start_ = (start_ + 1) % ring_.size();
  --count_;
}

void Inflight::Grow() {
  std::vector<Append> larger(std::min(max_appends_, std::max<std::size_t>(8, ring_.size() * 2)));
  for (std::size_t i = 0; i < count_; ++i) larger[i] = ring_[(start_ + i) % ring_.size()];
  ring_ = std::move(larger);
  start_ = 0;
}

}  // namespace cairn::raft
