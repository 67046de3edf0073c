#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>

#include "kv/watch/watcher.h"

namespace cairn::kv {

// The watches of one stream by their ids. Owns them. Not thread-safe.
class WatcherTable {
 public:
  // Null if there is none.
  [[nodiscard]] Watcher* Find(std::int64_t id) const;
  // The lowest id counted up from zero that is not taken; a number is not given twice.
  [[nodiscard]] std::int64_t ChooseId();
  // REQUIRES: its id is not taken.
  Watcher& Insert(std::unique_ptr<Watcher> watcher);
  // REQUIRES: it is in no list and no group.
  void Erase(Watcher& watcher);
  // A watcher that was cancelled by us: its id stays taken, and the client may cancel it once more, until
  // there are too many of them. REQUIRES: it is in no list and no group.
  void Retire(Watcher& watcher);

  // Retired ones too.
  [[nodiscard]] const absl::flat_hash_map<std::int64_t, std::unique_ptr<Watcher>>& all() const {
    return watchers_;
  }
  [[nodiscard]] std::size_t size() const { return watchers_.size(); }
  [[nodiscard]] std::size_t notified() const { return notified_; }  // Those with progress_notify.

 private:
  absl::flat_hash_map<std::int64_t, std::unique_ptr<Watcher>> watchers_;
  std::int64_t next_id_ = 0;
  std::deque<std::int64_t> retired_;  // Oldest first; bounded.
  std::size_t notified_ = 0;
};

}  // namespace cairn::kv
