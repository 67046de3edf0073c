#pragma once

#include <absl/synchronization/mutex.h>
#include <grpcpp/server.h>

#include <memory>
#include <string>
#include <vector>

#include "kv/client/endpoint.h"
#include "kv/client/proto.h"

namespace cairn::kv::client::testing {

// A cluster in this process: servers on loopback that share one history of puts, each with switches for what
// goes wrong. Just enough of the API for the client's tests. Thread-safe.
class FakeCluster {
 public:
  explicit FakeCluster(std::size_t nodes);
  ~FakeCluster();

  FakeCluster(const FakeCluster&) = delete;
  FakeCluster& operator=(const FakeCluster&) = delete;

  std::vector<Endpoint> endpoints() const;

  // Ends all its streams and refuses connections; as if the process had died. No-op if it is dead.
  void Kill(std::size_t node);
  // At the same port.
  void Restart(std::size_t node);

  // Requests of `node` are not answered until Thaw(); the connection stays.
  void Freeze(std::size_t node);
  void Thaw(std::size_t node);
  // Unary calls of `node` fail with this; an OK status ends that.
  void FailWith(std::size_t node, grpc::Status status);

  // One more revision, as if somebody had written. All nodes see it.
  std::int64_t Put(const std::string& key, const std::string& value);
  // One revision with several keys.
  std::int64_t PutMany(const std::vector<std::string>& keys, const std::string& value);
  // Watches from below are refused.
  void Compact(std::int64_t revision);
  // Sends progress at the present revision to all watches.
  void SendProgress();
  // The next streams send at most one event per response, as pieces of a fragmented one; the stream breaks
  // after `pieces` of them if that is not 0.
  void FragmentNext(int pieces_until_break);

  std::int64_t revision() const;
  // Calls that reached `node`.
  int calls(std::size_t node) const;
  // Start revisions of the watches that were created, in order.
  std::vector<std::int64_t> watch_starts() const;

 private:
  struct State;
  class Node;
  std::unique_ptr<State> state_;
};

}  // namespace cairn::kv::client::testing
