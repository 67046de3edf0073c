#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "kv/api/answer_gate.h"
#include "kv/api/call_count.h"
#include "kv/api/rpc_metrics.h"
#include "kv/api/server.h"
#include "kv/api/wire.h"
#include "kv/api/worker.h"

namespace cairn::kv::api {

// Answers from this size on are refused when too many bytes are on their way, and given up when nobody takes
// them; below it, the number of calls bounds their sum.
inline constexpr std::size_t kLargeAnswer = 64 << 10;

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
  Worker history_worker{16};  // For the few calls that walk the whole history, and may run for seconds.
  Worker range_worker{256};   // For reads that are too much for a poller.

  std::atomic<bool> draining{false};  // No new streams; unary requests that come are answered still.
  // Order: a request is counted before it looks at `stopping`, so whoever sets `stopping` and then sees none
  // unanswered knows that all others will be refused.
  std::atomic<bool> stopping{false};
  AnswerGate gate;
  CallCount unanswered;  // Unary requests begun and not yet answered.
  CallCount live_calls;  // Calls that have begun and not yet left, streams included.
  std::atomic<std::size_t> streams{0};
  std::atomic<std::size_t> request_bytes_in_flight{0};   // Of unanswered requests.
  std::atomic<std::size_t> response_bytes_in_flight{0};  // Of answers that have not left.
};

}  // namespace cairn::kv::api
