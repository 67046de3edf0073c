#include "kv/api/server.h"

#include <utility>

#include "kv/api/acceptor.h"
#include "kv/api/backend.h"
#include "kv/api/cq_server.h"
#include "kv/api/http_routes.h"
#include "kv/api/http_server.h"
#include "raft/base/status.h"

namespace cairn::kv {
namespace {

using api::Acceptor;
using api::Backend;
using api::CqServer;
using api::HttpRequest;
using api::HttpRoutes;
using api::HttpServer;
using api::UniqueFd;

class ApiServerImpl final : public ApiServer {
 public:
  ApiServerImpl(ApiOptions options, ApiDependencies dependencies)
      : backend_(std::move(options), std::move(dependencies)) {}

  ~ApiServerImpl() override { Shutdown(std::chrono::steady_clock::now()); }

  absl::Status Start() {
    CAIRN_ASSIGN_OR_RETURN(acceptor_,
                           Acceptor::Bind({.listen = backend_.options.listen,
                                           .max_half_open = backend_.options.max_half_open_connections,
                                           .half_open_deadline = backend_.options.half_open_deadline}));
    CAIRN_ASSIGN_OR_RETURN(grpc_, CqServer::Start(backend_));
    http_ = std::make_unique<HttpServer>(
        HttpServer::Options{.max_connections = backend_.options.max_http_connections},
        [this](const HttpRequest& request, HttpServer::Respond respond) {
          routes_.Handle(request, std::move(respond));
        });
    routes_.SetPost(http_->poster());
    acceptor_->Start(
        [this](UniqueFd socket, const std::string& bytes) { grpc_->AddConnection(std::move(socket), bytes); },
        [this](UniqueFd socket, std::string bytes) { http_->Add(std::move(socket), std::move(bytes)); });
    return absl::OkStatus();
  }

  [[nodiscard]] std::vector<std::uint16_t> ports() const override { return acceptor_->ports(); }

  void Shutdown(std::chrono::steady_clock::time_point deadline) override {
    backend_.stopping.store(true, std::memory_order_release);
    if (acceptor_) acceptor_->Stop();
    if (grpc_) grpc_->Shutdown(deadline);
    if (http_) http_->Stop();
  }

 private:
  Backend backend_;
  HttpRoutes routes_{backend_};
  std::unique_ptr<Acceptor> acceptor_;
  std::unique_ptr<HttpServer> http_;
  std::unique_ptr<CqServer> grpc_;  // Destroyed first: waits for the answers of Raft.
};

}  // namespace

absl::StatusOr<std::unique_ptr<ApiServer>> ApiServer::Start(ApiOptions options,
                                                            ApiDependencies dependencies) {
  auto server = std::make_unique<ApiServerImpl>(std::move(options), std::move(dependencies));
  CAIRN_RETURN_IF_ERROR(server->Start());
  return server;
}

}  // namespace cairn::kv
