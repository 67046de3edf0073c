#pragma once

#include <absl/status/statusor.h>
#include <grpc/grpc.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>

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

  // Waits for the calls that somebody else still has to answer. REQUIRES: shut down, if it was started.
  ~CqServer();

  // Takes over a connection whose first bytes were read already. Thread-safe until Shutdown().
  void AddConnection(UniqueFd socket, const std::string& first_bytes);

  // Ends all streams with Unavailable. REQUIRES: Backend::draining, which refuses later ones.
  void EndStreams();

  // Tells every client to go elsewhere with what it asks next, and takes no more calls. What was asked is
  // answered.
  void SayGoodbye();

  // Gives answers that are on their way a moment to leave, then closes all connections; they came in on
  // `ports`. REQUIRES: no AddConnection() at the same time or later.
  void Shutdown(const std::vector<std::uint16_t>& ports);

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
  std::unique_ptr<grpc::Server> server_;      // Destroyed before the queues it uses.
  grpc_completion_queue* goodbye_ = nullptr;  // Once it has been said: hears when all connections are closed.
  bool shut_down_ = false;
};

}  // namespace cairn::kv::api
