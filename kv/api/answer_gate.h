#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include <atomic>
#include <vector>

namespace cairn::kv::api {

class UnaryCall;

// Keeps answers back for the moment in which the server says goodbye to its clients. A client that waits for
// an answer sends nothing, so nothing is on its way to us when gRPC stops taking calls, and what the client
// does after its answer it does elsewhere. Open but for that moment: then a call costs one atomic load.
// Thread-safe.
class AnswerGate {
 public:
  [[nodiscard]] bool closed() const { return closed_.load(std::memory_order_relaxed); }

  void Close() ABSL_LOCKS_EXCLUDED(mu_);

  // Takes `call`, whose answer is ready, until Open(). False: the gate is open.
  [[nodiscard]] bool Hold(UnaryCall& call) ABSL_LOCKS_EXCLUDED(mu_);

  // Those that were held, for the caller to wake.
  [[nodiscard]] std::vector<UnaryCall*> Open() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  std::atomic<bool> closed_{false};  // Written under mu_.
  absl::Mutex mu_;
  std::vector<UnaryCall*> held_ ABSL_GUARDED_BY(mu_);
};

}  // namespace cairn::kv::api
