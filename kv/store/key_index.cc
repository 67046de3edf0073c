#include "kv/store/key_index.h"

#include <algorithm>

#include "raft/base/assert.h"

namespace cairn::kv {

KeyIndex::KeyIndex() : active_(std::make_shared<KeyTable>()) {
  absl::MutexLock lock(&mu_);
  Publish();
}

void KeyIndex::Publish() {
  auto tables = std::make_shared<Tables>();
  tables->push_back(active_);
  for (auto it = frozen_.rbegin(); it != frozen_.rend(); ++it) tables->push_back(it->table);
  tables_ = std::move(tables);
}

std::shared_ptr<const KeyIndex::Tables> KeyIndex::tables() const {
  absl::MutexLock lock(&mu_);
  return tables_;
}

bool KeyIndex::Empty() const {
  const std::shared_ptr<const Tables> all = tables();
  return std::all_of(all->begin(), all->end(), [](const auto& table) { return table->size() == 0; });
}

void KeyIndex::Freeze(Revision last) {
  auto fresh = std::make_shared<KeyTable>();
  absl::MutexLock lock(&mu_);
  if (!frozen_.empty()) {
    CAIRN_ASSERT(frozen_.back().last <= last, "frozen up to {} after {}", last, frozen_.back().last);
  }
  frozen_.push_back({.table = active_, .last = last});
  active_ = std::move(fresh);
  Publish();
}

void KeyIndex::WaitForRoom(std::size_t max) const {
  const auto has_room = [this, max]()
                            ABSL_SHARED_LOCKS_REQUIRED(mu_) { return given_up_ || frozen_.size() <= max; };
  absl::MutexLock lock(&mu_);
  mu_.Await(absl::Condition(&has_room));
}

void KeyIndex::GiveUpWriting() {
  absl::MutexLock lock(&mu_);
  given_up_ = true;
}

std::optional<KeyIndex::Frozen> KeyIndex::OldestFrozen() const {
  absl::MutexLock lock(&mu_);
  if (frozen_.empty()) return std::nullopt;
  return frozen_.front();
}

void KeyIndex::DropOldestFrozen() {
  std::shared_ptr<const KeyTable> dropped;  // Freed outside the lock.
  absl::MutexLock lock(&mu_);
  CAIRN_ASSERT(!frozen_.empty(), "no frozen table to drop");
  dropped = frozen_.front().table;
  frozen_.erase(frozen_.begin());
  Publish();
}

}  // namespace cairn::kv
