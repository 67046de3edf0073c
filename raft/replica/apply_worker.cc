#include "raft/replica/apply_worker.h"

#include <chrono>
#include <iterator>
#include <utility>

#include "raft/base/assert.h"
#include "raft/base/status.h"

namespace cairn::raft {
namespace {

// A batch is closed at this size, so that readers see progress and a batch of the store stays small.
constexpr std::size_t kMaxBatchItems = 4096;
constexpr std::size_t kMaxBatchBytes = 4 << 20;

std::size_t SizeOf(const std::vector<ApplyItem>& items) {
  std::size_t size = 0;
  for (const ApplyItem& item : items) size += item.entry.payload.size();
  return size;
}

void AnswerStopped(std::vector<ApplyItem>& items) {
  for (ApplyItem& item : items) {
    if (item.done) item.Answer(MakeRaftError(RaftError::kStopped, "this member has failed"));
  }
}

}  // namespace

ApplyWorker::~ApplyWorker() { Stop().IgnoreError(); }

void ApplyWorker::Start(ReplicaEvents& events) {
  CAIRN_ASSERT(events_ == nullptr, "started twice");
  events_ = &events;
  thread_ = std::thread([this] { Loop(); });
}

absl::Status ApplyWorker::Stop() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
    arrived_.Signal();
  }
  if (thread_.joinable()) thread_.join();
  return failure_;
}

void ApplyWorker::Apply(std::vector<ApplyItem> items) { Add(std::move(items)); }

void ApplyWorker::Install(std::unique_ptr<SnapshotSink> sink) { Add(std::move(sink)); }

void ApplyWorker::Discard(std::unique_ptr<SnapshotSink> sink) { Add(DiscardTask{.sink = std::move(sink)}); }

void ApplyWorker::StartFlush() { Add(FlushTask{}); }

void ApplyWorker::Add(Task task) {
  const absl::MutexLock lock(&mutex_);
  waiting_.push_back(std::move(task));
  if (std::exchange(asleep_, false)) arrived_.Signal();
}

void ApplyWorker::Loop() {
  std::vector<Task> tasks;
  while (Take(tasks)) {
    if (failure_.ok()) {
      failure_ = Annotate(Do(tasks), "applying");
      if (!failure_.ok()) events_->OnFatal(failure_);
    }
    // Empty unless we have failed. The thread stays, so that nobody who still comes waits for ever.
    Abandon(tasks);
    tasks.clear();
  }
}

bool ApplyWorker::Take(std::vector<Task>& tasks) {
  const absl::MutexLock lock(&mutex_);
  while (waiting_.empty() && !stopping_) {
    asleep_ = true;
    arrived_.Wait(&mutex_);
  }
  asleep_ = false;
  tasks.swap(waiting_);
  return !tasks.empty();
}

absl::Status ApplyWorker::Do(std::vector<Task>& tasks) {
  std::vector<ApplyItem> batch;
  std::size_t bytes = 0;
  const auto apply_batch = [&]() -> absl::Status {
    if (batch.empty()) return absl::OkStatus();
    absl::Status status = ApplyBatch(batch);
    AnswerStopped(batch);  // All are answered already unless applying has failed.
    batch.clear();
    bytes = 0;
    return status;
  };
  for (Task& task : tasks) {
    if (auto* items = std::get_if<std::vector<ApplyItem>>(&task)) {
      const std::size_t more = SizeOf(*items);
      if (batch.size() + items->size() > kMaxBatchItems || bytes + more > kMaxBatchBytes) {
        CAIRN_RETURN_IF_ERROR(apply_batch());
      }
      bytes += more;
      if (batch.empty()) {
        batch = std::exchange(*items, {});
      } else {
        std::move(items->begin(), items->end(), std::back_inserter(batch));
        items->clear();
      }
      continue;
    }
    CAIRN_RETURN_IF_ERROR(apply_batch());
    if (auto* sink = std::get_if<std::unique_ptr<SnapshotSink>>(&task)) {
      SnapshotMeta meta = (*sink)->meta();
      CAIRN_RETURN_IF_ERROR(Annotate(machine_.Install(std::move(*sink)), "installing a snapshot"));
      events_->OnInstalled(std::move(meta));
    } else if (auto* discard = std::get_if<DiscardTask>(&task)) {
      discard->sink.reset();
    } else {
      machine_.StartFlush();
    }
  }
  return apply_batch();
}

absl::Status ApplyWorker::ApplyBatch(std::vector<ApplyItem>& items) {
  const Index last = items.back().entry.id.index;
  const auto start = std::chrono::steady_clock::now();
  CAIRN_RETURN_IF_ERROR(machine_.Apply(items));
  metrics_.apply_batch.Add(std::chrono::steady_clock::now() - start);
  events_->OnApplied(last);
  return absl::OkStatus();
}

void ApplyWorker::Abandon(std::vector<Task>& tasks) {
  for (Task& task : tasks) {
    if (auto* items = std::get_if<std::vector<ApplyItem>>(&task)) AnswerStopped(*items);
  }
}

}  // namespace cairn::raft
