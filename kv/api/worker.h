#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/functional/any_invocable.h>
#include <absl/synchronization/mutex.h>

#include <cstddef>
#include <deque>
#include <thread>

namespace cairn::kv::api {

// One thread for the rare calls that walk the whole history: they must hold up neither the pollers nor each
// other's memory. Bounded.
class Worker {
 public:
  static constexpr std::size_t kMaxWaiting = 16;

  Worker();
  ~Worker();  // Runs what waits, then joins.

  // False if too much is waiting already. Thread-safe.
  bool Run(absl::AnyInvocable<void()> job);

 private:
  void Loop();
  [[nodiscard]] bool SomethingToDo() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return stopping_ || !jobs_.empty();
  }

  absl::Mutex mu_;
  std::deque<absl::AnyInvocable<void()>> jobs_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace cairn::kv::api
