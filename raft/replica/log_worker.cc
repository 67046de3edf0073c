#include "raft/replica/log_worker.h"

#include <chrono>
#include <utility>

#include "raft/base/assert.h"
#include "raft/base/status.h"

namespace cairn::raft {
namespace {

// A group is closed at this size: beyond it a write takes long and company saves nothing.
constexpr std::size_t kMaxGroupBytes = 8 << 20;

std::size_t SizeOf(const LogWrite& write) {
  std::size_t size = 0;
  for (const Entry& entry : write.entries) size += entry.payload.size();
  return size;
}

}  // namespace

LogWorker::LogWorker(std::unique_ptr<SegmentedLog> log, ReplicaMetrics& metrics)
    : log_(std::move(log)), metrics_(metrics) {}

LogWorker::~LogWorker() { Stop(); }

void LogWorker::Start(ReplicaEvents& events) {
  CAIRN_ASSERT(events_ == nullptr, "started twice");
  events_ = &events;
  thread_ = std::thread([this] { Loop(); });
}

void LogWorker::Stop() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
    arrived_.Signal();
  }
  if (thread_.joinable()) thread_.join();
}

void LogWorker::Write(LogWrite write) { Add(std::move(write)); }

void LogWorker::Reset(EntryId base, WriteNumber number) { Add(ResetTask{.base = base, .number = number}); }

void LogWorker::ReleaseUpTo(Index index) { Add(ReleaseTask{.index = index}); }

void LogWorker::Add(Task task) {
  const absl::MutexLock lock(&mutex_);
  waiting_.push_back(std::move(task));
  if (std::exchange(asleep_, false)) arrived_.Signal();
}

void LogWorker::Loop() {
  std::vector<Task> tasks;
  while (Take(tasks)) {
    absl::Status status = Do(tasks);
    tasks.clear();
    if (!status.ok()) {
      // What reached the disk is not known. Nothing more is written and nothing more is vouched for (R50).
      events_->OnFatal(Annotate(status, "writing the log"));
      return;
    }
  }
}

// False: nothing waits and nothing more will come. Uses the pause before it falls asleep for preparations.
bool LogWorker::Take(std::vector<Task>& tasks) {
  bool prepared = false;
  while (true) {
    {
      const absl::MutexLock lock(&mutex_);
      while (waiting_.empty() && !stopping_ && prepared) {
        asleep_ = true;
        arrived_.Wait(&mutex_);
      }
      asleep_ = false;
      if (!waiting_.empty()) {
        tasks.swap(waiting_);
        return true;
      }
      if (stopping_) return false;
    }
    if (absl::Status status = log_->PrepareSpares(); !status.ok()) {
      // No room for a spare is no failure yet: the next write decides whether there is one.
      metrics_.log_spares_failed.fetch_add(1, std::memory_order_relaxed);
    }
    prepared = true;
  }
}

absl::Status LogWorker::Do(std::vector<Task>& tasks) {
  std::vector<LogWrite> group;
  std::size_t group_bytes = 0;
  const auto write_group = [&] {
    absl::Status status = group.empty() ? absl::OkStatus() : WriteGroup(group);
    group.clear();
    group_bytes = 0;
    return status;
  };
  for (Task& task : tasks) {
    if (auto* write = std::get_if<LogWrite>(&task)) {
      group_bytes += SizeOf(*write);
      group.push_back(std::move(*write));
      if (group_bytes >= kMaxGroupBytes) CAIRN_RETURN_IF_ERROR(write_group());
      continue;
    }
    CAIRN_RETURN_IF_ERROR(write_group());
    if (const auto* reset = std::get_if<ResetTask>(&task)) {
      CAIRN_RETURN_IF_ERROR(log_->Reset(reset->base));
      events_->OnLogPersisted(reset->number);
    } else {
      CAIRN_RETURN_IF_ERROR(log_->ReleaseUpTo(std::get<ReleaseTask>(task).index));
    }
  }
  CAIRN_RETURN_IF_ERROR(write_group());
  metrics_.log_bytes_on_disk.store(log_->bytes_on_disk(), std::memory_order_relaxed);
  return absl::OkStatus();
}

absl::Status LogWorker::WriteGroup(std::span<const LogWrite> group) {
  const auto start = std::chrono::steady_clock::now();
  CAIRN_RETURN_IF_ERROR(log_->Write(group));
  metrics_.log_write.Add(std::chrono::steady_clock::now() - start);
  events_->OnLogPersisted(group.back().number);
  return absl::OkStatus();
}

}  // namespace cairn::raft
