#pragma once

#include <deque>
#include <span>

#include "raft/core/entry.h"

namespace cairn::raft {

// What the log knows of its entries without keeping them: where it begins and ends and the term of every
// index in between. As large as there are terms, not entries.
class LogTail {
 public:
  LogTail(EntryId base, std::span<const Entry> entries);

  [[nodiscard]] const EntryId& base() const { return base_; }
  [[nodiscard]] const EntryId& last() const { return last_; }
  // REQUIRES: base().index <= index <= last().index.
  [[nodiscard]] EntryId At(Index index) const;

  // REQUIRES: the successor of last(), of no lower term (Raft §5.3: terms never fall along a log).
  void Append(const EntryId& id);
  // Forgets what is behind `index`. REQUIRES: base().index <= index <= last().index.
  void TruncateAfter(Index index);
  // Forgets what is before `index`, which becomes the base. REQUIRES: base().index <= index <= last().index.
  void ReleaseUpTo(Index index);

 private:
  EntryId base_;
  EntryId last_;  // Invariant: base_.index <= last_.index.
  // The first entry of each term behind base_. Invariant: indexes and terms rise.
  std::deque<EntryId> starts_;
};

}  // namespace cairn::raft
