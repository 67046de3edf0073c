#pragma once

#include <absl/status/statusor.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "kv/api/backend.h"
#include "kv/api/hot_call.h"
#include "kv/api/poller.h"
#include "kv/api/unique_fd.h"

namespace cairn::kv::api {

// The gRPC side of the client port: a server on completion queues with few polling threads, fed with
// connections that the acceptor has taken.
class CqServer {
 public:
  // Serves from now on. Internal error if gRPC refuses to start.
  static absl::StatusOr<std::unique_ptr<CqServer>> Start(Backend& backend);

  // Waits for the calls that somebody else still has to answer.
  ~CqServer();

  // Takes over a connection whose first bytes were read already. Thread-safe until Shutdown().
  void AddConnection(UniqueFd socket, const std::string& first_bytes);

  // Refuses new calls, ends streams with Unavailable, lets the others finish until `deadline`, then cancels
  // what is left. REQUIRES: no AddConnection() at the same time or later.
  void Shutdown(std::chrono::steady_clock::time_point deadline);

 private:
  explicit CqServer(Backend& backend);
  absl::Status Build();
  [[nodiscard]] int PollerCount() const;

  Backend& backend_;
  HotService hot_service_;
  grpc::AsyncGenericService generic_service_;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor_;
  std::vector<std::unique_ptr<Poller>> pollers_;
  std::vector<std::unique_ptr<HotCallPool>> pools_;
  std::unique_ptr<grpc::Server> server_;  // Destroyed before the queues it uses.
  bool shut_down_ = false;
};

}  // namespace cairn::kv::api
