#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/status/statusor.h>
#include <absl/synchronization/mutex.h>

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "kv/model/event.h"
#include "kv/model/revision.h"
#include "kv/store/reader.h"
#include "kv/watch/byte_budget.h"

namespace cairn::kv {

// The changes of one revision on their way to watchers, with the records they replaced, which are read from
// the store when the first watcher asks and kept for the others while the budget lasts. Thread-safe; shared
// by the ring and whoever is building a response from it.
class RevisionSlot {
 public:
  // Without a budget no previous record is kept.
  RevisionSlot(std::shared_ptr<const RevisionEvents> events, std::shared_ptr<ByteBudget> previous_budget);
  ~RevisionSlot();
  RevisionSlot(const RevisionSlot&) = delete;
  RevisionSlot& operator=(const RevisionSlot&) = delete;

  [[nodiscard]] Revision revision() const { return events_->revision; }
  [[nodiscard]] const std::vector<Event>& events() const { return events_->events; }
  // Where in events() the first one stands that is not below the sub revision `sub`.
  [[nodiscard]] std::size_t IndexOf(std::int64_t sub) const;
  // As in RevisionEvents.
  [[nodiscard]] bool complete() const { return events_->complete; }
  [[nodiscard]] const std::optional<KeyRange>& within() const { return events_->within; }
  // What the slot costs in memory, previous records left out.
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

  // The record that events()[event] replaced; nothing if it created the key or if compaction removed it.
  // Reads the store without a lock held: two threads that ask for the first time at once both read.
  absl::StatusOr<std::optional<Payload>> PreviousRecord(Reader& reader, std::size_t event) const;

 private:
  const std::shared_ptr<const RevisionEvents> events_;
  const std::shared_ptr<ByteBudget> previous_budget_;
  const std::size_t bytes_;

  mutable absl::Mutex mu_;
  // Empty until the first record is kept, then one place per event: not asked for, or its answer.
  mutable std::vector<std::optional<std::optional<Payload>>> previous_ ABSL_GUARDED_BY(mu_);
  mutable std::size_t taken_ ABSL_GUARDED_BY(mu_) = 0;  // From the budget.
};

using SlotRef = std::shared_ptr<const RevisionSlot>;

// The most recent revisions, without a gap, bounded in bytes; the oldest go first. A revision larger than the
// whole ring is not kept at all: its watchers read it from the history. Not thread-safe.
class EventRing {
 public:
  // Revisions after `last` are to come.
  EventRing(std::size_t limit_bytes, Revision last) : limit_bytes_(limit_bytes), last_(last) {}

  // REQUIRES: slot->revision() == Next(last()).
  void Push(SlotRef slot);

  // Forgets everything; revisions after `last` are to come. REQUIRES: last >= last().
  void Restart(Revision last);

  // The newest revision pushed, kept or not.
  [[nodiscard]] Revision last() const { return last_; }
  // The oldest revision kept; Next(last()) if there is none.
  [[nodiscard]] Revision first() const;
  [[nodiscard]] bool Contains(Revision revision) const { return revision >= first() && revision <= last_; }
  // REQUIRES: Contains(revision).
  [[nodiscard]] const SlotRef& At(Revision revision) const;
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  const std::size_t limit_bytes_;
  Revision last_;
  std::deque<SlotRef> slots_;  // Invariant: revisions rise by one and end in last_, or it is empty.
  std::size_t bytes_ = 0;      // Invariant: the sum of the slots' bytes(); <= limit_bytes_ between calls.
};

}  // namespace cairn::kv
