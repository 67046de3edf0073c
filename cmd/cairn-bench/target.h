#pragma once

#include <absl/status/statusor.h>

#include <vector>

#include "cmd/cairn-bench/options.h"

namespace cairn::bench {

// The endpoints that --target means. An error if there is no leader, or no follower.
absl::StatusOr<std::vector<kv::client::Endpoint>> ResolveTarget(const Options& options);

}  // namespace cairn::bench
