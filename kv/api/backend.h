#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "kv/api/rpc_metrics.h"
#include "kv/api/server.h"
#include "kv/api/wire.h"
#include "kv/api/worker.h"

namespace cairn::kv::api {

// What every call works with: what the node is made of, the limits, and the counters that the limits are
// compared with. One per ApiServer; outlives all its calls. Thread-safe.
struct Backend {
  Backend(ApiOptions the_options, ApiDependencies the_dependencies)
      : options(std::move(the_options)), deps(std::move(the_dependencies)) {}

  [[nodiscard]] HeaderFields Header(Revision revision) const {
    return {.cluster_id = deps.identity.cluster_id,
            .member_id = deps.identity.member_id,
            .revision = revision.value(),
            .raft_term = deps.identity.raft_term()};
  }

  const ApiOptions options;
  ApiDependencies deps;
  RpcMetrics metrics;
  Worker worker;  // For the few calls that may run for seconds.

  std::atomic<bool> stopping{false};
  std::atomic<std::size_t> unary_in_flight{0};
  std::atomic<std::size_t> response_bytes_in_flight{0};  // Of large answers only.
  // Calls that have begun and whose objects still exist: what the destructor of the server waits for.
  std::atomic<std::size_t> live_calls{0};
};

}  // namespace cairn::kv::api
