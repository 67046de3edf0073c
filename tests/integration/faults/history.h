#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include <cstdint>
#include <string>
#include <vector>

#include "tests/integration/faults/verdict.h"

namespace cairn::faults {

// One write: which key, and the how-manieth of that key. The value in the store is the sequence number.
struct Write {
  std::string key;
  std::int64_t sequence = 0;
  bool operator==(const Write&) const = default;
};

// What each revision of the store holds, as told by acknowledgements and by watchers, who must all agree.
// Thread-safe.
class History {
 public:
  // `base`: the store's revision before the first write.
  History(std::int64_t base, Verdict& verdict) : base_(base), verdict_(verdict) {}

  // `who` says that `revision` holds `write`. Somebody may have said so before; it must be the same.
  void Learn(std::int64_t revision, const Write& write, const std::string& who) ABSL_LOCKS_EXCLUDED(mu_);

  std::int64_t base() const { return base_; }
  // Highest revision that an acknowledgement or watcher told of.
  std::int64_t last() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  const std::int64_t base_;
  Verdict& verdict_;
  mutable absl::Mutex mu_;
  std::vector<Write> writes_
      ABSL_GUARDED_BY(mu_);  // writes_[i] is that of revision base_ + 1 + i; empty key: unknown.
};

}  // namespace cairn::faults
