#include "kv/watch/watcher_table.h"

#include <utility>

#include "raft/base/assert.h"

namespace cairn::kv {
namespace {

constexpr std::size_t kMaxRetired = 1024;

}  // namespace

Watcher* WatcherTable::Find(std::int64_t id) const {
  const auto found = watchers_.find(id);
  return found == watchers_.end() ? nullptr : found->second.get();
}

std::int64_t WatcherTable::ChooseId() {
  while (watchers_.contains(next_id_)) ++next_id_;
  return next_id_++;
}

Watcher& WatcherTable::Insert(std::unique_ptr<Watcher> owned) {
  Watcher& watcher = *owned;
  const bool inserted = watchers_.emplace(watcher.id, std::move(owned)).second;
  CAIRN_ASSERT(inserted, "the id is taken: {}", watcher.id);
  if (watcher.progress_notify) ++notified_;
  return watcher;
}

void WatcherTable::Erase(Watcher& watcher) {
  CAIRN_ASSERT(watcher.group == nullptr, "watch {} is still in its group", watcher.id);
  if (watcher.progress_notify) --notified_;
  std::erase(retired_, watcher.id);
  watchers_.erase(watcher.id);
}

void WatcherTable::Retire(Watcher& watcher) {
  CAIRN_ASSERT(watcher.group == nullptr, "watch {} is still in its group", watcher.id);
  retired_.push_back(watcher.id);
  if (retired_.size() <= kMaxRetired) return;
  Watcher* const oldest = Find(retired_.front());
  CAIRN_ASSERT(oldest != nullptr, "id={}", retired_.front());
  Erase(*oldest);
}

}  // namespace cairn::kv
