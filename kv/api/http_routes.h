#pragma once

#include <functional>
#include <string>
#include <vector>

#include "kv/api/backend.h"
#include "kv/api/http_server.h"

namespace cairn::kv::api {

// The paths served over HTTP/1.1: /version, /health, /livez, /readyz (and each of their checks by name) and
// /metrics; everything else is 404. Runs on the HTTP server's thread, independent of the gRPC pollers, so
// that probes are answered when those are busy.
class HttpRoutes {
 public:
  explicit HttpRoutes(Backend& backend) : backend_(backend) {}

  // How answers that had to wait for Raft come back to the server's thread. REQUIRES: called before the first
  // Handle().
  void SetPost(HttpServer::Post post) { post_ = std::move(post); }

  void Handle(const HttpRequest& request, HttpServer::Respond respond);

 private:
  // One line of /livez and /readyz: empty `failure` means ok.
  struct CheckResult {
    std::string name;
    std::string failure;
  };

  void Health(const HttpRequest& request, HttpServer::Respond respond);
  void Checks(const HttpRequest& request, std::vector<std::string> names, HttpServer::Respond respond);
  [[nodiscard]] HttpResponse Version() const;
  [[nodiscard]] HttpResponse HealthResponse(const std::string& reason);
  [[nodiscard]] std::string ReadOneKey() const;  // What went wrong, or nothing.
  [[nodiscard]] std::string RunCheck(const std::string& name) const;
  // Calls `next` on the server's thread with what went wrong, or nothing.
  void AfterReadBarrier(absl::AnyInvocable<void(std::string)> next);

  Backend& backend_;
  HttpServer::Post post_;
};

}  // namespace cairn::kv::api
