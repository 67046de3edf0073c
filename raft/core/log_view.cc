#include "raft/core/log_view.h"

#include <algorithm>
#include <utility>

#include "raft/base/assert.h"

namespace cairn::raft {

LogView::LogView(EntryId base, ClusterTime base_time, std::vector<Entry> entries, Index commit)
    : base_(base), base_time_(base_time), entries_(std::move(entries)), commit_(commit) {
  EntryId before = base_;
  for (const Entry& entry : entries_) {
    CAIRN_ASSERT(entry.id.index == Next(before.index), "index={} before={}", entry.id.index, before.index);
    CAIRN_ASSERT(entry.id.term >= before.term, "term={} before={}", entry.id.term, before.term);
    before = entry.id;
  }
  first_unwritten_ = Next(last().index);
  CAIRN_ASSERT(base_.index <= commit_, "base={} commit={}", base_.index, commit_);
  CAIRN_ASSERT(commit_ <= last().index, "commit={} last={}", commit_, last().index);
}

std::optional<Term> LogView::TermAt(Index index) const {
  if (index < base_.index || index > last().index) return std::nullopt;
  return index == base_.index ? base_.term : entries_[Place(index)].id.term;
}

const Entry& LogView::At(Index index) const {
  CAIRN_ASSERT(index > base_.index, "index={} base={}", index, base_.index);
  CAIRN_ASSERT(index <= last().index, "index={} last={}", index, last().index);
  return entries_[Place(index)];
}

std::span<const Entry> LogView::From(Index from, std::size_t max_entries, std::size_t max_bytes) const {
  CAIRN_ASSERT(from > base_.index, "from={} base={}", from, base_.index);
  if (from > last().index) return {};
  const auto all = std::span<const Entry>(entries_).subspan(Place(from));
  std::size_t count = 1;
  std::size_t bytes = all.front().payload.size();
  while (count < all.size() && count < max_entries) {
    bytes += all[count].payload.size();
    if (bytes > max_bytes) break;
    ++count;
  }
  return all.first(count);
}

EntryId LogView::LastAtOrBelow(Index index, Term term) const {
  const Index top = std::min(index, last().index);
  if (top <= base_.index) return base_;
  // Terms never fall along a log, so the last entry of a term at most `term` is found by bisection.
  const auto begin = entries_.begin() + static_cast<std::ptrdiff_t>(dropped_);
  const auto end = entries_.begin() + static_cast<std::ptrdiff_t>(Place(top) + 1);
  const auto after = std::upper_bound(begin, end, term,
                                      [](Term limit, const Entry& entry) { return limit < entry.id.term; });
  return after == begin ? base_ : std::prev(after)->id;
}

void LogView::Append(Entry entry) {
  CAIRN_ASSERT(entry.id.index == Next(last().index), "index={} last={}", entry.id.index, last().index);
  CAIRN_ASSERT(entry.id.term >= last().term, "term={} last={}", entry.id.term, last().term);
  CAIRN_ASSERT(entry.time >= last_time(), "time={} last={}", entry.time, last_time());
  entries_.push_back(std::move(entry));
}

void LogView::Truncate(Index from) {
  CAIRN_ASSERT(from > commit_, "truncating committed entries: from={} commit={}", from, commit_);
  CAIRN_ASSERT(from <= last().index, "nothing to cut: from={} last={}", from, last().index);
  entries_.resize(Place(from));
  first_unwritten_ = std::min(first_unwritten_, from);
}

void LogView::Commit(Index to) {
  CAIRN_ASSERT(to >= commit_, "commit goes back: to={} commit={}", to, commit_);
  CAIRN_ASSERT(to <= last().index, "to={} last={}", to, last().index);
  commit_ = to;
}

std::span<const Entry> LogView::TakeUnwritten() {
  if (first_unwritten_ > last().index) return {};
  const auto unwritten = std::span<const Entry>(entries_).subspan(Place(first_unwritten_));
  first_unwritten_ = Next(last().index);
  return unwritten;
}

void LogView::CompactTo(Index index) {
  CAIRN_ASSERT(index >= base_.index, "index={} base={}", index, base_.index);
  CAIRN_ASSERT(index <= commit_, "index={} commit={}", index, commit_);
  CAIRN_ASSERT(index < first_unwritten_, "index={} first_unwritten={}", index, first_unwritten_);
  if (index == base_.index) return;
  const std::size_t end = Place(index) + 1;
  const Entry& newest_dropped = entries_[end - 1];
  base_ = newest_dropped.id;
  base_time_ = newest_dropped.time;
  for (std::size_t i = dropped_; i < end; ++i) entries_[i].payload = Payload();
  dropped_ = end;
  // Moved only when most of it is gone, so that compaction costs a constant per entry.
  if (dropped_ * 2 > entries_.size()) {
    entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(dropped_));
    dropped_ = 0;
  }
}

void LogView::Restart(EntryId base, ClusterTime base_time) {
  CAIRN_ASSERT(base.index >= commit_, "base={} commit={}", base.index, commit_);
  base_ = base;
  base_time_ = base_time;
  entries_.clear();
  dropped_ = 0;
  commit_ = base.index;
  first_unwritten_ = Next(base.index);
}

}  // namespace cairn::raft
