#include "kv/api/call_count.h"

#include <absl/time/time.h>

namespace cairn::kv::api {

void CallCount::End() {
  if (count_.fetch_sub(1) != 1 || !awaited_.load()) return;
  const absl::MutexLock lock(&mu_);
  none_left_ = true;
}

bool CallCount::AwaitNone(std::chrono::steady_clock::time_point deadline) {
  const absl::MutexLock lock(&mu_);
  none_left_ = false;
  awaited_.store(true);
  const absl::Duration patience = absl::FromChrono(deadline - std::chrono::steady_clock::now());
  const bool none = count_.load() == 0 || mu_.AwaitWithTimeout(absl::Condition(&none_left_), patience);
  awaited_.store(false);
  return none;
}

}  // namespace cairn::kv::api
