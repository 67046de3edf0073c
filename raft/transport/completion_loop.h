#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/functional/any_invocable.h>
#include <absl/synchronization/mutex.h>
#include <grpcpp/alarm.h>
#include <grpcpp/completion_queue.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace cairn::raft {

// What a gRPC operation is tagged with. Complete() is called once for each operation, on the loop's thread.
class CompletionTag {
 public:
  virtual void Complete(bool ok) = 0;

 protected:
  ~CompletionTag() = default;
};

// A completion queue with the one thread that serves it: completed operations, posted tasks and timers all
// run there, one at a time, so what only they touch needs no lock.
//
// Every operation in flight belongs to somebody who has called Hold(); Stop() waits for all of them to let go
// before it closes the queue, since gRPC aborts if an operation is begun on a closed one.
class CompletionLoop {
 public:
  using Task = absl::AnyInvocable<void()>;
  using Clock = std::chrono::steady_clock;
  using Timer = std::pair<Clock::time_point, std::uint64_t>;

  // At most 15 characters: what the thread is called.
  explicit CompletionLoop(std::string name);
  ~CompletionLoop();
  CompletionLoop(const CompletionLoop&) = delete;
  CompletionLoop& operator=(const CompletionLoop&) = delete;

  void Start(std::unique_ptr<grpc::ServerCompletionQueue> queue);

  // Waits until nobody holds the loop and what was posted has run, and joins the thread. Whoever holds it has
  // been told to let go before. Timers that are left are dropped. Idempotent.
  void Stop();

  // Runs `task` on the loop's thread, after Start(). Any thread; after Stop() the task is dropped.
  void Post(Task task) ABSL_LOCKS_EXCLUDED(mu_);

  // Loop's thread only.
  Timer After(std::chrono::milliseconds delay, Task task);
  void Cancel(Timer timer) { timers_.erase(timer); }

  // Any thread.
  void Hold() ABSL_LOCKS_EXCLUDED(mu_);
  void Release() ABSL_LOCKS_EXCLUDED(mu_);

  // REQUIRES: started.
  [[nodiscard]] grpc::ServerCompletionQueue* queue() const { return queue_.get(); }

 private:
  // The alarm that wakes the thread for posted tasks.
  struct Wake final : CompletionTag {
    explicit Wake(CompletionLoop& owner) : loop(owner) {}
    void Complete(bool ok) override;
    CompletionLoop& loop;
  };

  void Run();
  void RunTasks() ABSL_LOCKS_EXCLUDED(mu_);
  void RunDueTimers();
  [[nodiscard]] gpr_timespec NextDeadline() const;
  void WakeUp() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::string name_;
  std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::thread thread_;

  std::map<Timer, Task> timers_;  // Touched by the loop's thread only.
  std::uint64_t timers_made_ = 0;

  absl::Mutex mu_;
  std::vector<Task> tasks_ ABSL_GUARDED_BY(mu_);
  int holds_ ABSL_GUARDED_BY(mu_) = 0;
  bool running_ ABSL_GUARDED_BY(mu_) = false;  // Between Start() and the closing of the queue.
  bool awake_ ABSL_GUARDED_BY(mu_) = false;    // The alarm is set and has not been seen.
  Wake wake_{*this};
  grpc::Alarm alarm_;
};

}  // namespace cairn::raft
