#pragma once

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "raft/replica/ports.h"

namespace cairn::raft {

// Snapshots that were received and stepped into the core, until it asks for one of them to be installed or
// has refused them. Not thread-safe; owned by Replica.
class ReceivedSnapshots {
 public:
  void Add(std::unique_ptr<SnapshotSink> sink) { sinks_.push_back(std::move(sink)); }

  // The one that the core asks for; null if there is none.
  [[nodiscard]] std::unique_ptr<SnapshotSink> Take(const SnapshotMeta& meta) {
    const auto found =
        std::ranges::find_if(sinks_, [&](const auto& received) { return received->meta() == meta; });
    if (found == sinks_.end()) return nullptr;
    std::unique_ptr<SnapshotSink> sink = std::move(*found);
    sinks_.erase(found);
    return sink;
  }

  // The core has spoken: what is left it refused.
  [[nodiscard]] std::vector<std::unique_ptr<SnapshotSink>> TakeRefused() { return std::exchange(sinks_, {}); }

 private:
  std::vector<std::unique_ptr<SnapshotSink>> sinks_;
};

}  // namespace cairn::raft
