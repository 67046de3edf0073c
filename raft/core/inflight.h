#pragma once

#include <cstddef>
#include <vector>

#include "raft/base/types.h"

namespace cairn::raft {

// The appends to one peer that are sent and not acknowledged: a window bounded in messages and in bytes
// (R37). A ring; allocates only while it grows to the size it needs.
class Inflight {
 public:
  Inflight(std::size_t max_appends, std::size_t max_bytes)
      : max_appends_(max_appends), max_bytes_(max_bytes) {}

  // One more append is under way. REQUIRES: !full(), last > that of the append before.
  void Add(Index last, std::size_t bytes);

  // Everything up to `match` has arrived.
  void FreeUpTo(Index match);

  // Makes room for one append although no acknowledgement came: it may have been lost.
  void FreeOldest();

  void Clear();

  // Bytes count before the last append is added, so that one append larger than the bound can still leave.
  [[nodiscard]] bool full() const { return count_ >= max_appends_ || bytes_ >= max_bytes_; }
  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  struct Append {
    Index last;
    std::size_t bytes = 0;
  };

  [[nodiscard]] const Append& front() const { return ring_[start_]; }
  void PopFront();
  void Grow();

  std::size_t max_appends_;
  std::size_t max_bytes_;
  std::vector<Append> ring_;  // Invariant: count_ <= ring_.size() <= max_appends_.
  std::size_t start_ = 0;
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;  // Sum over the ring.
};

}  // namespace cairn::raft
