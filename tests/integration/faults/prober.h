#pragma once

#include <absl/status/statusor.h>
#include <grpcpp/completion_queue.h>

#include <chrono>
#include <memory>
#include <set>
#include <vector>

#include "tests/integration/faults/cluster.h"

namespace cairn::faults {

// Finds the moment from which writes are acknowledged again. Every few milliseconds it starts a write at each
// node but one, without waiting for those before: an answer that is slow for reasons of its own does not hide
// that others get one.
//
// The writes are deletions of a key that never exists: they go through the log like any write and wait for
// the same majority, but make no revision, so the history stays the load's. Not thread-safe.
class Prober {
 public:
  // Connects. `except`: the node that is about to be struck.
  Prober(Cluster& cluster, std::size_t except);
  ~Prober();  // Cancels what is under way, and waits for it.

  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;

  // When the first of the writes started from now on was acknowledged.
  absl::StatusOr<std::chrono::steady_clock::time_point> FirstAcknowledgement(
      std::chrono::milliseconds patience);

 private:
  struct Probe;

  void StartProbes();
  void Finish(Probe* probe);

  grpc::CompletionQueue queue_;
  std::vector<std::unique_ptr<kv::client::pb::KV::Stub>> stubs_;
  std::set<Probe*> running_;  // Owned; deleted when they come out of the queue.
};

}  // namespace cairn::faults
