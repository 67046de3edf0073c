#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/functional/any_invocable.h>
#include <absl/synchronization/mutex.h>

#include <utility>

namespace cairn::kv {

// Between the threads that have something for a stream and the stream's end: after Close() has returned the
// callback is not running and never runs again. Calls do not overlap; the callback is called without a lock
// held. Thread-safe; shared by the stream and whoever is about to wake it.
class WakeGate {
 public:
  explicit WakeGate(absl::AnyInvocable<void()> wake) : wake_(std::move(wake)) {}

  void Call() {
    absl::MutexLock lock(&mu_);
    ++asked_;
    if (calling_) return;  // The thread inside sees asked_ and calls again.
    calling_ = true;
    while (asked_ > 0 && !closed_) {
      --asked_;
      mu_.Unlock();
      wake_();
      mu_.Lock();
    }
    calling_ = false;
  }

  // Waits for a call under way. Must not be called by the callback.
  void Close() {
    absl::MutexLock lock(&mu_);
    closed_ = true;
    mu_.Await(absl::Condition(+[](bool* calling) { return !*calling; }, &calling_));
  }

 private:
  absl::Mutex mu_;
  int asked_ ABSL_GUARDED_BY(mu_) = 0;
  bool calling_ ABSL_GUARDED_BY(mu_) = false;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  absl::AnyInvocable<void()> wake_;  // Called by the thread that set calling_.
};

}  // namespace cairn::kv
