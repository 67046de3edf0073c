#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/functional/any_invocable.h>
#include <absl/synchronization/mutex.h>

#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <thread>

namespace cairn::kv {

// Where the store's background work runs, one task at a time and in order: writing the key index behind,
// flushing, removing history. Post() is thread-safe, also from a task.
class Worker {
 public:
  using Task = absl::AnyInvocable<void()>;
  enum class Urgency : std::uint8_t {
    kSoon,      // Before all idle work.
    kWhenIdle,  // After a pause, and after everything urgent.
  };
  virtual ~Worker() = default;
  virtual void Post(Urgency urgency, Task task) = 0;
  // Waits for the running task and drops the others; Post() drops from now on. Idempotent.
  virtual void Stop() = 0;
};

// A thread of its own, which `pause`s before each idle task.
std::unique_ptr<Worker> MakeThreadWorker(std::chrono::milliseconds pause);

// No thread: Post() runs the task, and those that it posts, before it returns. For simulation.
std::unique_ptr<Worker> MakeInlineWorker();

// No thread, and nothing runs until it is told to: for tests that stop in the middle. One thread.
class ManualWorker final : public Worker {
 public:
  void Post(Urgency urgency, Task task) override;
  void Stop() override;
  // False if there was nothing to run.
  bool RunOne();
  void RunAll();

 private:
  std::deque<Task> soon_;
  std::deque<Task> idle_;
  bool stopped_ = false;
};

}  // namespace cairn::kv
