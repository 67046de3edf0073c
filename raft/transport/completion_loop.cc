#include "raft/transport/completion_loop.h"

#include <grpc/support/time.h>
#include <pthread.h>

#include "raft/base/assert.h"

namespace cairn::raft {

CompletionLoop::CompletionLoop(std::string name) : name_(std::move(name)) {}

CompletionLoop::~CompletionLoop() { Stop(); }

void CompletionLoop::Start(std::unique_ptr<grpc::ServerCompletionQueue> queue) {
  queue_ = std::move(queue);
  {
    absl::MutexLock lock(&mu_);
    running_ = true;
    if (!tasks_.empty()) WakeUp();
  }
  thread_ = std::thread([this] { Run(); });
  pthread_setname_np(thread_.native_handle(), name_.c_str());
}

void CompletionLoop::Stop() {
  if (!thread_.joinable()) return;
  {
    absl::MutexLock lock(&mu_);
    // Await() evaluates the condition with the mutex held; the analysis does not see through the pointer.
    constexpr auto kNothingHeld =
        +[](CompletionLoop* self) ABSL_NO_THREAD_SAFETY_ANALYSIS { return self->holds_ == 0; };
    mu_.Await(absl::Condition(kNothingHeld, this));
    running_ = false;
  }
  queue_->Shutdown();
  thread_.join();
  timers_.clear();
}

void CompletionLoop::Post(Task task) {
  absl::MutexLock lock(&mu_);
  if (queue_ != nullptr && !running_) return;
  tasks_.push_back(std::move(task));
  ++holds_;  // Until it has run: it may begin operations.
  if (running_) WakeUp();
}

void CompletionLoop::WakeUp() {
  if (awake_) return;
  awake_ = true;
  alarm_.Set(queue_.get(), gpr_now(GPR_CLOCK_MONOTONIC), static_cast<CompletionTag*>(&wake_));
}

void CompletionLoop::Wake::Complete(bool /*ok*/) { loop.RunTasks(); }

void CompletionLoop::RunTasks() {
  std::vector<Task> tasks;
  {
    absl::MutexLock lock(&mu_);
    awake_ = false;
    tasks.swap(tasks_);
  }
  for (Task& task : tasks) {
    std::exchange(task, nullptr)();
    Release();
  }
}

CompletionLoop::Timer CompletionLoop::After(std::chrono::milliseconds delay, Task task) {
  const Timer timer{Clock::now() + delay, ++timers_made_};
  timers_.emplace(timer, std::move(task));
  return timer;
}

void CompletionLoop::RunDueTimers() {
  while (!timers_.empty() && timers_.begin()->first.first <= Clock::now()) {
    Task task = std::move(timers_.begin()->second);
    timers_.erase(timers_.begin());
    task();
  }
}

gpr_timespec CompletionLoop::NextDeadline() const {
  if (timers_.empty()) return gpr_inf_future(GPR_CLOCK_MONOTONIC);
  const auto wait =
      std::chrono::duration_cast<std::chrono::microseconds>(timers_.begin()->first.first - Clock::now());
  return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                      gpr_time_from_micros(std::max<std::int64_t>(wait.count(), 0), GPR_TIMESPAN));
}

void CompletionLoop::Hold() {
  absl::MutexLock lock(&mu_);
  ++holds_;
}

void CompletionLoop::Release() {
  absl::MutexLock lock(&mu_);
  --holds_;
  CAIRN_ASSERT(holds_ >= 0, "holds={}", holds_);
}

void CompletionLoop::Run() {
  while (true) {
    void* tag = nullptr;
    bool ok = false;
    const auto next = queue_->AsyncNext(&tag, &ok, NextDeadline());
    if (next == grpc::CompletionQueue::SHUTDOWN) return;
    if (next == grpc::CompletionQueue::GOT_EVENT) static_cast<CompletionTag*>(tag)->Complete(ok);
    RunDueTimers();
  }
}

}  // namespace cairn::raft
