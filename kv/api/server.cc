#include "kv/api/server.h"

#include <sys/resource.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "kv/api/acceptor.h"
#include "kv/api/backend.h"
#include "kv/api/cq_server.h"
#include "kv/api/http_routes.h"
#include "kv/api/http_server.h"
#include "raft/base/assert.h"
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

// Of the limit of descriptors, this many are left for log, store, other members and ourselves.
constexpr rlim_t kOwnDescriptors = 768;

int MaxDescriptor() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::numeric_limits<int>::max();
  const rlim_t for_clients =
      std::max(limit.rlim_cur / 2, limit.rlim_cur - std::min(limit.rlim_cur, kOwnDescriptors));
  return static_cast<int>(std::min<rlim_t>(for_clients, std::numeric_limits<int>::max()));
}

class OnePortServer final : public ApiServer {
 public:
  OnePortServer(ApiOptions options, ApiDependencies dependencies)
      : backend_(std::move(options), std::move(dependencies)) {}

  ~OnePortServer() override {
    Drain(std::chrono::steady_clock::now());
    Shutdown();
  }

  absl::Status Start() {
    CAIRN_ASSIGN_OR_RETURN(acceptor_,
                           Acceptor::Bind({.listen = backend_.options.listen,
                                           .max_half_open = backend_.options.max_half_open_connections,
                                           .half_open_deadline = backend_.options.half_open_deadline,
                                           .max_descriptor = MaxDescriptor()}));
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

  void Drain(std::chrono::steady_clock::time_point deadline) override {
    if (backend_.draining.exchange(true)) return;
    if (acceptor_) acceptor_->Stop();
    if (grpc_) {
      grpc_->EndStreams();
      grpc_->SayGoodbye();
    }
    backend_.unanswered.AwaitNone(deadline);
    backend_.stopping.store(true);
    backend_.unanswered.AwaitNone(deadline);  // Those that began in between.
  }

  void Shutdown() override {
    CAIRN_ASSERT(backend_.stopping.load(), "Drain() comes first");
    if (grpc_) grpc_->Shutdown(acceptor_->ports());
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
  auto server = std::make_unique<OnePortServer>(std::move(options), std::move(dependencies));
  CAIRN_RETURN_IF_ERROR(server->Start());
  return server;
}

}  // namespace cairn::kv
