#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/functional/any_invocable.h>
#include <absl/synchronization/mutex.h>

#include <cstddef>
#include <deque>
#include <thread>

namespace cairn::kv::api {

// One thread for calls that must not hold up a poller. Bounded. The thread begins with the first job.
class Worker {
 public:
  explicit Worker(std::size_t max_waiting) : max_waiting_(max_waiting) {}
  ~Worker();  // Runs what waits, then joins.

  // False if too much is waiting already. Thread-safe.
  bool Run(absl::AnyInvocable<void()> job);

 private:
  void Loop();
  [[nodiscard]] bool SomethingToDo() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return stopping_ || !jobs_.empty();
  }

  const std::size_t max_waiting_;
  absl::Mutex mu_;
  std::deque<absl::AnyInvocable<void()>> jobs_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_ ABSL_GUARDED_BY(mu_);
};

}  // namespace cairn::kv::api
