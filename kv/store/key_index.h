#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "kv/model/revision.h"
#include "kv/store/key_table.h"

namespace cairn::kv {

// The versions of keys that are newer than the index family's watermark: one table that grows and some frozen
// ones that wait to be written behind. The applier inserts and freezes; the background worker takes the
// oldest frozen table and drops it when its content is in the family; anyone reads.
//
// Bounded by the caller: it freezes when the growing table is full, between two revisions or two batches of
// one, and waits when too many are frozen.
class KeyIndex {
 public:
  // Newest first. A holder keeps the tables alive, so that a reader is not affected by their being dropped.
  using Tables = std::vector<std::shared_ptr<const KeyTable>>;

  struct Frozen {
    std::shared_ptr<const KeyTable> table;
    // Everything up to here is in this table, an older one, or the family. The table may hold changes of the
    // revision after it, if that was frozen in the middle.
    Revision last;
  };

  KeyIndex();

  // Everything newer than the watermark at the moment of the call.
  [[nodiscard]] std::shared_ptr<const Tables> tables() const;

  // Whether everything is in the family.
  [[nodiscard]] bool Empty() const;

  // The applier only.
  void Insert(std::string_view key, const VersionInfo& info) { active_->Insert(key, info); }
  [[nodiscard]] std::size_t active_bytes() const { return active_->bytes(); }
  [[nodiscard]] bool active_empty() const { return active_->size() == 0; }
  // REQUIRES: `last` is complete; nothing above the revision after it has been inserted.
  void Freeze(Revision last);
  // Blocks until at most `max` frozen tables wait, or nothing will be written behind any more.
  void WaitForRoom(std::size_t max) const;
  // The write-behind has failed for good. Any thread.
  void GiveUpWriting();

  // The worker only.
  [[nodiscard]] std::optional<Frozen> OldestFrozen() const;
  void DropOldestFrozen();

 private:
  mutable absl::Mutex mu_;
  std::shared_ptr<KeyTable> active_;                 // Replaced by the applier under mu_; read by it without.
  std::vector<Frozen> frozen_ ABSL_GUARDED_BY(mu_);  // Oldest first.
  bool given_up_ ABSL_GUARDED_BY(mu_) = false;
  std::shared_ptr<const Tables> tables_ ABSL_GUARDED_BY(mu_);

  void Publish() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
};

}  // namespace cairn::kv
