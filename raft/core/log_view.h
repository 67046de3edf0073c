#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "raft/base/types.h"
#include "raft/core/entry.h"

namespace cairn::raft {

// `count` places after `index`.
[[nodiscard]] constexpr Index Advance(Index index, std::uint64_t count) {
  return Index{index.value() + count};
}

// The log as this member sees it, in memory: what stands before it (the base), its entries, how far it is
// committed, and which entries nobody has asked the disk to write yet. Knows nothing of roles or peers.
//
// Spans and references are valid until the next call that is not const.
class LogView {
 public:
  // REQUIRES: entries follow base.
  LogView(EntryId base, ClusterTime base_time, std::vector<Entry> entries, Index commit);

  [[nodiscard]] EntryId base() const { return base_; }
  [[nodiscard]] EntryId last() const { return size() == 0 ? base_ : entries_.back().id; }
  [[nodiscard]] ClusterTime last_time() const { return size() == 0 ? base_time_ : entries_.back().time; }
  [[nodiscard]] ClusterTime base_time() const { return base_time_; }
  [[nodiscard]] Index commit() const { return commit_; }
  [[nodiscard]] Index first_unwritten() const { return first_unwritten_; }

  // The term at `index`; empty below the base and beyond the end.
  [[nodiscard]] std::optional<Term> TermAt(Index index) const;
  [[nodiscard]] bool Matches(const EntryId& id) const { return TermAt(id.index) == id.term; }

  // REQUIRES: base().index < index <= last().index.
  [[nodiscard]] const Entry& At(Index index) const;

  // Entries from `from` on: at most `max_entries`, at most `max_bytes` of payload, but at least one if there
  // is one. REQUIRES: base().index < from.
  [[nodiscard]] std::span<const Entry> From(Index from, std::size_t max_entries, std::size_t max_bytes) const;

  // The last entry at or below `index` whose term is at most `term`: where two logs can still agree, found
  // without going back entry by entry (R30). The base if no entry is that old.
  [[nodiscard]] EntryId LastAtOrBelow(Index index, Term term) const;

  // REQUIRES: the entry follows last(); its time does not fall.
  void Append(Entry entry);

  // Cuts entries from `from` on. REQUIRES: commit() < from <= last().index.
  void Truncate(Index from);

  // REQUIRES: commit() <= to <= last().index.
  void Commit(Index to);

  // Entries that the disk was not asked to write yet; from now on it was.
  [[nodiscard]] std::span<const Entry> TakeUnwritten();

  // Drops entries up to `index`, which becomes the base. REQUIRES: base().index <= index <= commit().
  void CompactTo(Index index);

  // Forgets everything: a snapshot up to `base` took its place.
  void Restart(EntryId base, ClusterTime base_time);

 private:
  [[nodiscard]] std::size_t size() const { return entries_.size() - dropped_; }
  // Place of `index` in entries_. REQUIRES: base().index < index.
  [[nodiscard]] std::size_t Place(Index index) const {
    return dropped_ + static_cast<std::size_t>(index.value() - base_.index.value() - 1);
  }

  EntryId base_;
  ClusterTime base_time_;
  std::vector<Entry>
      entries_;              // The first `dropped_` are compacted and empty; kept to spare moving the rest.
  std::size_t dropped_ = 0;  // Invariant: at most half of entries_ after CompactTo().
  Index commit_;             // Invariant: base_.index <= commit_ <= last().index.
  Index first_unwritten_;    // Invariant: base_.index < first_unwritten_ <= last().index + 1.
};

}  // namespace cairn::raft
