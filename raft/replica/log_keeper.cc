#include "raft/replica/log_keeper.h"

#include <algorithm>

#include "raft/base/assert.h"
#include "raft/base/probe.h"

namespace cairn::raft {
namespace {

// What an entry costs in memory and on disk beside its payload, roughly.
constexpr std::uint64_t kEntryOverhead = 96;

}  // namespace

LogKeeper::LogKeeper(const ReplicaOptions& options, const RestoredState& restored)
    : options_(options),
      interval_ticks_(static_cast<std::uint64_t>(options.snapshot_interval / options.tick)),
      first_kept_(restored.base.last.index),
      applied_(restored.applied),
      flushed_(restored.applied) {
  for (const Entry& entry : restored.entries) {
    if (entry.id.index > restored.applied) break;  // Will be committed anew.
    Committed(entry);
  }
}

void LogKeeper::Committed(const Entry& entry) {
  CAIRN_ASSERT(entry.id.index == Next(last()), "committed={} after={}", entry.id.index, last());
  const std::uint64_t before = total_through_.empty() ? total_before_ : total_through_.back();
  total_through_.push_back(before + entry.payload.size() + kEntryOverhead);
}

bool LogKeeper::ShouldFlush(std::uint64_t tick, std::uint64_t unflushed_bytes) const {
  if (flushing_ || applied_ <= flushed_) return false;
  const std::uint64_t entries = applied_.value() - flushed_.value();
  const bool worth_it =
      unflushed_bytes >= options_.snapshot_bytes || tick - last_flush_tick_ >= interval_ticks_;
  if (entries >= options_.snapshot_count && worth_it) return true;
  return BytesBetween(flushed_, applied_) >= options_.max_log_bytes;
}

void LogKeeper::Flushed(Index index, std::uint64_t tick) {
  flushing_ = false;
  last_flush_tick_ = tick;
  // A flush that was under way while a snapshot replaced the state vouches for less than the snapshot does.
  flushed_ = std::max(flushed_, std::min(index, last()));
}

void LogKeeper::Reset(Index index, std::uint64_t tick) {
  total_through_.clear();
  total_before_ = 0;
  first_kept_ = index;
  applied_ = index;
  flushed_ = index;
  flushing_ = false;
  last_flush_tick_ = tick;
  pins_.clear();
}

void LogKeeper::Pin(NodeId peer, Index from) { pins_.insert_or_assign(peer, from); }

std::vector<NodeId> LogKeeper::OverdrawnPins() const {
  std::vector<NodeId> overdrawn;
  for (const auto& [peer, from] : pins_) {
    if (BytesBetween(from, last()) > options_.max_pinned_bytes) overdrawn.push_back(peer);
  }
  return overdrawn;
}

std::optional<Index> LogKeeper::Release() {
  Index to = std::min(MarginBelow(std::min(flushed_, applied_)), applied_);
  for (const auto& [peer, from] : pins_) {
    if (from < to) CAIRN_PROBE("replica_log_pinned_for_snapshot");
    to = std::min(to, from);
  }
  if (to <= first_kept_) return std::nullopt;
  const auto count = static_cast<std::ptrdiff_t>(to.value() - first_kept_.value());
  total_before_ = TotalThrough(to);
  total_through_.erase(total_through_.begin(), total_through_.begin() + count);
  first_kept_ = to;
  return to;
}

std::uint64_t LogKeeper::TotalThrough(Index index) const {
  if (index <= first_kept_) return total_before_;
  CAIRN_ASSERT(index <= last(), "index={} last={}", index, last());
  return total_through_[index.value() - first_kept_.value() - 1];
}

// The lowest index whose successors up to `index` fit into the margin.
Index LogKeeper::MarginBelow(Index index) const {
  if (index <= first_kept_) return first_kept_;
  const std::uint64_t span = index.value() - first_kept_.value();
  Index low{span > options_.margin_entries ? index.value() - options_.margin_entries : first_kept_.value()};
  const std::uint64_t through = TotalThrough(index);
  if (through - TotalThrough(low) <= options_.margin_bytes) return low;
  // Sums rise with the index: the first one that leaves no more than the margin above it.
  const auto begin = total_through_.begin();
  const auto found = std::lower_bound(begin, begin + static_cast<std::ptrdiff_t>(span),
                                      through - std::min(through, options_.margin_bytes));
  return std::min(index, Index{first_kept_.value() + 1 + static_cast<std::uint64_t>(found - begin)});
}

}  // namespace cairn::raft
