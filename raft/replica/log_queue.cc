#include "raft/replica/log_queue.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "raft/base/assert.h"

namespace cairn::raft {
namespace {

// Roughly what an entry costs in memory beside its payload.
constexpr std::size_t kEntryOverhead = 96;

std::size_t SizeOf(const std::vector<Entry>& entries) {
  std::size_t size = 0;
  for (const Entry& entry : entries) size += kEntryOverhead + entry.payload.size();
  return size;
}

}  // namespace

void LogQueue::Write(WriteNumber core_write, std::optional<HardState> hard_state, std::vector<Entry> entries,
                     std::uint64_t tick) {
  last_task_ = Next(last_task_);
  const std::size_t bytes = SizeOf(entries);
  unpersisted_bytes_ += bytes;
  tasks_.push_back({.core_write = core_write, .installed = std::nullopt, .bytes = bytes, .since = tick});
  port_.Write({.number = last_task_, .hard_state = hard_state, .entries = std::move(entries)});
}

void LogQueue::Reset(SnapshotMeta installed, std::uint64_t tick) {
  last_task_ = Next(last_task_);
  const EntryId base = installed.last;
  tasks_.push_back(
      {.core_write = std::nullopt, .installed = std::move(installed), .bytes = 0, .since = tick});
  port_.Reset(base, last_task_);
}

std::vector<Envelope> LogQueue::HoldUntil(WriteNumber core_write, std::vector<Envelope> envelopes) {
  if (core_write <= persisted_) return envelopes;
  held_.push_back({.until = core_write, .envelopes = std::move(envelopes)});
  return {};
}

LogQueue::Done LogQueue::Persisted(WriteNumber number, std::uint64_t tick) {
  CAIRN_ASSERT(number <= last_task_, "persisted={} asked for={}", number, last_task_);
  answered_ = tick;
  Done done;
  const std::uint64_t left = last_task_.value() - number.value();
  while (tasks_.size() > left) {
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    unpersisted_bytes_ -= task.bytes;
    if (task.core_write) {
      persisted_ = *task.core_write;
      done.core_write = persisted_;
    } else {
      done.installed = std::move(task.installed);
    }
  }
  while (!held_.empty() && held_.front().until <= persisted_) {
    std::ranges::move(held_.front().envelopes, std::back_inserter(done.released));
    held_.pop_front();
  }
  return done;
}

}  // namespace cairn::raft
