#include "kv/store/worker.h"

#include <utility>

namespace cairn::kv {
namespace {

class ThreadWorker final : public Worker {
 public:
  explicit ThreadWorker(std::chrono::milliseconds pause) : pause_(pause), thread_([this] { Run(); }) {}
  ~ThreadWorker() override { Stop(); }
  ThreadWorker(const ThreadWorker&) = delete;
  ThreadWorker& operator=(const ThreadWorker&) = delete;

  void Post(Urgency urgency, Task task) override {
    absl::MutexLock lock(&mu_);
    if (stopped_) return;
    (urgency == Urgency::kSoon ? soon_ : idle_).push_back(std::move(task));
  }

  void Stop() override {
    {
      absl::MutexLock lock(&mu_);
      stopped_ = true;
    }
    if (thread_.joinable()) thread_.join();
    // Dropped here and not by the thread: a task may own what must not die before the thread has ended.
    std::deque<Task> dropped;
    absl::MutexLock lock(&mu_);
    dropped.swap(soon_);
    for (Task& task : idle_) dropped.push_back(std::move(task));
    idle_.clear();
  }

 private:
  bool SoonOrStopped() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return stopped_ || !soon_.empty(); }
  bool AnyOrStopped() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return SoonOrStopped() || !idle_.empty(); }

  void Run() {
    while (true) {
      Task task;
      {
        absl::MutexLock lock(&mu_);
        mu_.Await(absl::Condition(this, &ThreadWorker::AnyOrStopped));
        if (soon_.empty() && !stopped_) {
          // The pause leaves disk and processor to the requests.
          mu_.AwaitWithTimeout(absl::Condition(this, &ThreadWorker::SoonOrStopped), absl::FromChrono(pause_));
        }
        if (stopped_) return;
        std::deque<Task>& queue = soon_.empty() ? idle_ : soon_;
        task = std::move(queue.front());
        queue.pop_front();
      }
      std::move(task)();
    }
  }

  const std::chrono::milliseconds pause_;
  absl::Mutex mu_;
  std::deque<Task> soon_ ABSL_GUARDED_BY(mu_);
  std::deque<Task> idle_ ABSL_GUARDED_BY(mu_);
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;  // Last: it uses the others.
};

class InlineWorker final : public Worker {
 public:
  void Post(Urgency urgency, Task task) override {
    queue_.Post(urgency, std::move(task));
    if (running_) return;  // The call that runs the present task goes on with this one.
    running_ = true;
    queue_.RunAll();
    running_ = false;
  }
  void Stop() override { queue_.Stop(); }

 private:
  ManualWorker queue_;
  bool running_ = false;
};

}  // namespace

void ManualWorker::Post(Urgency urgency, Task task) {
  if (stopped_) return;
  (urgency == Urgency::kSoon ? soon_ : idle_).push_back(std::move(task));
}

void ManualWorker::Stop() {
  stopped_ = true;
  soon_.clear();
  idle_.clear();
}

bool ManualWorker::RunOne() {
  std::deque<Task>& queue = soon_.empty() ? idle_ : soon_;
  if (queue.empty()) return false;
  Task task = std::move(queue.front());
  queue.pop_front();
  std::move(task)();
  return true;
}

void ManualWorker::RunAll() {
  while (RunOne()) {
  }
}

std::unique_ptr<Worker> MakeThreadWorker(std::chrono::milliseconds pause) {
  return std::make_unique<ThreadWorker>(pause);
}
std::unique_ptr<Worker> MakeInlineWorker() { return std::make_unique<InlineWorker>(); }

}  // namespace cairn::kv
