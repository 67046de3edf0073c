#pragma once

#include <string>
#include <string_view>

#include "cmd/cairn-bench/options.h"
#include "raft/base/rng.h"

namespace cairn::bench {

// Chooses keys, and has the bytes of the values. Each thread has its own. Values come from a block of random
// bytes, so that neither compression nor a shared buffer flatters the server, at the cost of a copy that each
// request pays anyway.
class Workload {
 public:
  // `thread` of `threads`: sequential keys are dealt out among them.
  Workload(const Options& options, int thread, int threads);

  // Valid until the next call.
  std::string_view NextKey();
  std::string_view NextValue();

 private:
  const std::int64_t key_space_;
  const std::size_t value_size_;
  const bool sequential_;
  const std::int64_t step_;
  std::int64_t next_;  // Of sequential keys.
  Rng rng_;
  std::string key_;    // Its tail is written anew for each key.
  std::string bytes_;  // Values are cut out of it.
};

}  // namespace cairn::bench
