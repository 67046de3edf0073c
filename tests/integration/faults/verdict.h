#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include <cstdint>
#include <string>
#include <vector>

namespace cairn::faults {

// What went wrong, from any thread. The first violations are kept in words, the others counted.
class Verdict {
 public:
  void Violation(const std::string& what) ABSL_LOCKS_EXCLUDED(mu_) {
    const absl::MutexLock lock(&mu_);
    ++count_;
    if (words_.size() < kKept) words_.push_back(what);
  }

  std::int64_t count() const ABSL_LOCKS_EXCLUDED(mu_) {
    const absl::MutexLock lock(&mu_);
    return count_;
  }

  std::vector<std::string> words() const ABSL_LOCKS_EXCLUDED(mu_) {
    const absl::MutexLock lock(&mu_);
    return words_;
  }

 private:
  static constexpr std::size_t kKept = 20;
  mutable absl::Mutex mu_;
  std::int64_t count_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<std::string> words_ ABSL_GUARDED_BY(mu_);
};

}  // namespace cairn::faults
