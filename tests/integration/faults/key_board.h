#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "raft/base/rng.h"

namespace cairn::faults {

// What is known about each key: how many of its writes were acknowledged, and whether one more is under way
// or was given up without an answer. Each key has one writer. Thread-safe.
class KeyBoard {
 public:
  struct State {
    std::int64_t acknowledged = 0;  // Sequence number; the key must hold this ...
    std::int64_t attempted = 0;     // ... up to this. Invariant: acknowledged or acknowledged + 1.
  };

  void Attempt(const std::string& key) ABSL_LOCKS_EXCLUDED(mu_);
  // `revision`: the store's, as the acknowledgement said.
  void Acknowledge(const std::string& key, std::int64_t revision) ABSL_LOCKS_EXCLUDED(mu_);
  // Certainly not applied.
  void Withdraw(const std::string& key) ABSL_LOCKS_EXCLUDED(mu_);

  State Get(const std::string& key) const ABSL_LOCKS_EXCLUDED(mu_);
  // A key in use lately; none if there is no key yet.
  std::optional<std::string> Pick(Rng& rng) const ABSL_LOCKS_EXCLUDED(mu_);
  std::map<std::string, State> All() const ABSL_LOCKS_EXCLUDED(mu_);
  std::int64_t acknowledgements() const ABSL_LOCKS_EXCLUDED(mu_);
  // Highest revision that was acknowledged.
  std::int64_t revision() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  mutable absl::Mutex mu_;
  std::map<std::string, State> keys_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> recent_ ABSL_GUARDED_BY(mu_);  // In the order of their first attempt.
  std::int64_t acknowledgements_ ABSL_GUARDED_BY(mu_) = 0;
  std::int64_t revision_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace cairn::faults
