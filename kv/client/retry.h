#pragma once

#include <grpcpp/support/status.h>

#include <chrono>

#include "kv/client/failure.h"
#include "raft/base/rng.h"

namespace cairn::kv::client {

// What a call does to the cluster decides what its failure allows.
enum class CallKind {
  kRead,   // Changes nothing: may be asked again, anywhere.
  kWrite,  // Must not happen twice.
};

// What came of one attempt at one endpoint.
struct Attempt {
  grpc::Status status;
  bool sent = true;  // False: no connection could be had, so the server cannot have seen it.
};

enum class Verdict {
  kDone,          // It succeeded.
  kTryElsewhere,  // It failed here, and asking again (here later, or elsewhere) does no harm.
  kGiveUp,        // The answer is final, or asking again could do it twice.
};

// The whole policy, without time. A write is tried again only if it was never sent, or if the server's answer
// says that it was refused before it was proposed.
Verdict Judge(CallKind kind, const Attempt& attempt);

// Whether a failed attempt may have taken effect.
Outcome OutcomeOf(const Attempt& attempt);

// Whether the failure is the node's (or the way to it) rather than the request's, so that others are better.
bool IsEndpointFailure(const Attempt& attempt);

// Pauses between rounds over all endpoints: they grow from `first` to `last` and vary by a quarter, so that
// many clients of a cluster that comes back do not come back in step.
class Backoff {
 public:
  struct Options {
    std::chrono::milliseconds first{25};
    std::chrono::milliseconds last{400};
  };

  Backoff(Options options, std::uint64_t seed) : options_(options), next_(options.first), rng_(seed) {}

  std::chrono::milliseconds Next();
  void Reset() { next_ = options_.first; }

 private:
  Options options_;
  std::chrono::milliseconds next_;
  Rng rng_;
};

}  // namespace cairn::kv::client
