#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include <atomic>
#include <chrono>
#include <cstddef>

namespace cairn::kv::api {

// Counts what has begun and has not ended, and lets one thread at a time wait for a moment at which there is
// nothing. Thread-safe; a count costs one atomic operation while nobody waits.
class CallCount {
 public:
  // The number with this one.
  std::size_t Begin() { return count_.fetch_add(1) + 1; }
  void End();
  [[nodiscard]] std::size_t value() const { return count_.load(std::memory_order_relaxed); }

  // True as soon as nothing was left at some moment since the call; false at `deadline`. What had begun
  // before has ended then; what begins meanwhile is not waited for.
  bool AwaitNone(std::chrono::steady_clock::time_point deadline);

 private:
  // Sequentially consistent, as `awaited_`: either End() sees that somebody waits, or the waiter sees 0.
  std::atomic<std::size_t> count_{0};
  std::atomic<bool> awaited_{false};
  absl::Mutex mu_;
  bool none_left_ ABSL_GUARDED_BY(mu_) = false;  // Seen since the last AwaitNone() began.
};

}  // namespace cairn::kv::api
