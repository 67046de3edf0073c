#include "raft/replica/log_worker.h"

#include <chrono>
#include <utility>

#include "raft/base/assert.h"
#include "raft/base/status.h"

namespace cairn::raft {
namespace {

// A group is closed at this size: beyond it a write takes long and company saves nothing.
constexpr std::size_t kMaxGroupBytes = 8 << 20;

// Preparing is done in small steps (SegmentedLog::PrepareSpares). A pause is long enough for one when it has
// lasted this long: a client that writes one after the other must not meet a step between any two of its
// writes.
constexpr std::chrono::milliseconds kIdlePause{20};
// Then, so many steps fill a spare segment; a node that has nothing to do sleeps after that.
constexpr int kIdlePreparations = 80;
// Under load without pauses there is a step each time that so much was written.
constexpr std::size_t kPrepareEveryBytes = 1 << 20;

std::size_t SizeOf(const LogWrite& write) {
  std::size_t size = 0;
  for (const Entry& entry : write.entries) size += entry.payload.size();
  return size;
}

}  // namespace

LogWorker::LogWorker(std::unique_ptr<SegmentedLog> log, ReplicaMetrics& metrics)
    : log_(std::move(log)), metrics_(metrics) {}

LogWorker::~LogWorker() { Stop().IgnoreError(); }

void LogWorker::Start(ReplicaEvents& events) {
  CAIRN_ASSERT(events_ == nullptr, "started twice");
  events_ = &events;
  thread_ = std::thread([this] { Loop(); });
}

absl::Status LogWorker::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    arrived_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
  return failure_;
}

void LogWorker::Write(LogWrite write) { Add(std::move(write)); }

void LogWorker::Reset(EntryId base, WriteNumber number) { Add(ResetTask{.base = base, .number = number}); }

void LogWorker::ReleaseUpTo(Index index) { Add(ReleaseTask{.index = index}); }

void LogWorker::Add(Task task) {
  const std::lock_guard lock(mutex_);
  waiting_.push_back(std::move(task));
  if (std::exchange(asleep_, false)) arrived_.notify_one();
}

void LogWorker::Loop() {
  std::vector<Task> tasks;
  idle_preparations_left_ = kIdlePreparations;
  while (true) {
    const Wake wake = Take(tasks);
    if (wake == Wake::kStop) return;
    const absl::Status status = wake == Wake::kTasks ? Do(tasks) : Prepare();
    tasks.clear();
    if (!status.ok()) {
      // What reached the disk is not known. Nothing more is written and nothing more is vouched for (R50).
      failure_ = Annotate(status, "writing the log");
      events_->OnFatal(failure_);
      return;
    }
  }
}

LogWorker::Wake LogWorker::Take(std::vector<Task>& tasks) {
  std::unique_lock lock(mutex_);
  while (waiting_.empty()) {
    if (stopping_) return Wake::kStop;
    asleep_ = true;
    if (idle_preparations_left_ == 0) {
      arrived_.wait(lock);
    } else if (arrived_.wait_for(lock, kIdlePause) == std::cv_status::timeout && waiting_.empty()) {
      asleep_ = false;
      --idle_preparations_left_;
      return stopping_ ? Wake::kStop : Wake::kIdle;
    }
    asleep_ = false;
  }
  idle_preparations_left_ = kIdlePreparations;
  tasks.swap(waiting_);
  return Wake::kTasks;
}

absl::Status LogWorker::Prepare() {
  written_since_prepared_ = 0;
  CAIRN_RETURN_IF_ERROR(log_->PrepareSpares());
  metrics_.log_bytes_on_disk.store(log_->bytes_on_disk(), std::memory_order_relaxed);
  return absl::OkStatus();
}

absl::Status LogWorker::Do(std::vector<Task>& tasks) {
  std::vector<LogWrite> group;
  std::size_t group_bytes = 0;
  const auto write_group = [&] {
    absl::Status status = group.empty() ? absl::OkStatus() : WriteGroup(group, group_bytes);
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

absl::Status LogWorker::WriteGroup(std::span<const LogWrite> group, std::size_t bytes) {
  const auto start = std::chrono::steady_clock::now();
  CAIRN_RETURN_IF_ERROR(log_->Write(group));
  metrics_.log_write.Add(std::chrono::steady_clock::now() - start);
  events_->OnLogPersisted(group.back().number);
  written_since_prepared_ += bytes;
  return written_since_prepared_ >= kPrepareEveryBytes ? Prepare() : absl::OkStatus();
}

}  // namespace cairn::raft
