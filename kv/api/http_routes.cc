#include "kv/api/http_routes.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "etcd/rpc.pb.h"
#include "kv/api/errors.h"
#include "kv/api/metrics_text.h"
#include "kv/model/errors.h"
#include "raft/base/assert.h"
#include "raft/base/status.h"

namespace cairn::kv::api {
namespace {

constexpr std::string_view kLinearizableRead = "linearizable_read";

const std::vector<std::string>& LivezChecks() {
  static const std::vector<std::string> names = {"serializable_read"};
  return names;
}

const std::vector<std::string>& ReadyzChecks() {
  static const std::vector<std::string> names = {"data_corruption", "serializable_read",
                                                 std::string(kLinearizableRead), "non_learner"};
  return names;
}

HttpResponse NotFound() { return {.status = 404, .body = "404 page not found\n", .headers = {}}; }

HttpResponse Json(const nlohmann::ordered_json& json) {
  return {.status = 200, .content_type = "application/json", .body = json.dump(), .headers = {}};
}

bool Contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// "/readyz/name" with "/readyz/" gives "name"; nothing if it is another path.
std::optional<std::string> NameBelow(const std::string& path, std::string_view prefix) {
  if (!path.starts_with(prefix)) return std::nullopt;
  return path.substr(prefix.size());
}

std::string RangeError(const std::string& failure) {
  return failure.empty() ? failure : "RANGE ERROR:" + failure;
}

std::string StoppingFailure() { return std::string(MessageOf(errors::Stopped())); }

}  // namespace

void HttpRoutes::Handle(const HttpRequest& request, HttpServer::Respond respond) {
  if (request.method == "OPTIONS") return respond({.body = "", .headers = {}});
  const std::string& path = request.path;
  const auto livez = NameBelow(path, "/livez/");
  const auto readyz = NameBelow(path, "/readyz/");
  const bool known = path == "/version" || path == "/health" || path == "/metrics" || path == "/livez" ||
                     path == "/readyz" || (livez && Contains(LivezChecks(), *livez)) ||
                     (readyz && Contains(ReadyzChecks(), *readyz));
  if (!known) return respond(NotFound());
  if (request.method != "GET") {
    return respond({.status = 405, .body = "Method Not Allowed\n", .headers = {{"Allow", "GET"}}});
  }
  if (path == "/version") return respond(Version());
  if (path == "/health") return Health(request, std::move(respond));
  if (path == "/livez") return Checks(request, LivezChecks(), std::move(respond));
  if (path == "/readyz") return Checks(request, ReadyzChecks(), std::move(respond));
  if (livez) return Checks(request, {*livez}, std::move(respond));
  if (readyz) return Checks(request, {*readyz}, std::move(respond));
  respond({.content_type = "text/plain; version=0.0.4; charset=utf-8",
           .body = MetricsText(backend_),
           .headers = {}});
}

HttpResponse HttpRoutes::Version() const {
  const std::string& version = backend_.options.etcd_version;
  return Json({{"etcdserver", version},
               {"etcdcluster", version.substr(0, version.rfind('.')) + ".0"},
               {"storage", version}});
}

HttpResponse HttpRoutes::HealthResponse(const std::string& reason) {
  const bool healthy = reason.empty();
  backend_.metrics.CountHealth(healthy);
  HttpResponse response = Json({{"health", healthy ? "true" : "false"}, {"reason", reason}});
  if (healthy) return response;
  response.status = 503;
  response.content_type = "text/plain; charset=utf-8";
  response.body += "\n";
  return response;
}

void HttpRoutes::Health(const HttpRequest& request, HttpServer::Respond respond) {
  // `exclude` names alarms to overlook; there are none yet.
  if (backend_.draining.load()) return respond(HealthResponse(RangeError(StoppingFailure())));
  const std::vector<std::string> serializable = request.QueryValues("serializable");
  if (Contains(serializable, "true")) {
    return respond(HealthResponse(RangeError(ReadOneKey())));
  }
  if (!backend_.deps.group.has_leader()) return respond(HealthResponse("RAFT NO LEADER"));
  AfterReadBarrier([this, respond = std::move(respond)](std::string failure) mutable {
    if (failure.empty()) failure = ReadOneKey();
    respond(HealthResponse(RangeError(failure)));
  });
}

std::string HttpRoutes::ReadOneKey() const {
  etcdserverpb::RangeRequest request;
  request.set_key("health");
  request.set_limit(1);
  request.set_keys_only(true);
  request.set_serializable(true);
  const auto answer = backend_.deps.reader.Range(request, {.max_bytes = backend_.options.max_response_bytes});
  return answer.ok() ? std::string() : std::string(MessageOf(answer.status()));
}

void HttpRoutes::AfterReadBarrier(absl::AnyInvocable<void(std::string)> next) {
  CAIRN_ASSERT(post_ != nullptr, "SetPost() comes first");
  backend_.deps.group.ReadBarrier([post = post_, next = std::move(next)](absl::Status status) mutable {
    post([next = std::move(next), status = std::move(status)]() mutable {
      next(status.ok() ? std::string() : std::string(MessageOf(ToEtcdError(status))));
    });
  });
}

std::string HttpRoutes::RunCheck(const std::string& name) const {
  if (name == "serializable_read") return ReadOneKey();
  if (name == "non_learner") {
    const raft::GroupStatus raft = backend_.deps.group.status();
    return raft.config.IsLearner(raft.self) ? "this member is a learner" : "";
  }
  return "";  // data_corruption: damage stops the node before it could say so here.
}

void HttpRoutes::Checks(const HttpRequest& request, std::vector<std::string> names,
                        HttpServer::Respond respond) {
  const std::vector<std::string> excluded = request.QueryValues("exclude");
  std::erase_if(names, [&](const std::string& name) { return Contains(excluded, name); });
  auto finish = [this, names, verbose = request.HasQuery("verbose"),
                 respond = std::move(respond)](const std::string& barrier_failure) mutable {
    std::string lines;
    bool all_ok = true;
    for (const std::string& name : names) {
      std::string failure = RunCheck(name);
      if (name == kLinearizableRead) failure = barrier_failure;
      lines += failure.empty() ? fmt::format("[+]{} ok\n", name)
                               : fmt::format("[-]{} failed: {}\n", name, failure);
      all_ok = all_ok && failure.empty();
    }
    // A failure is always explained.
    if (!all_ok) return respond({.status = 503, .body = lines, .headers = {}});
    respond({.body = verbose ? lines + "ok\n" : "ok\n", .headers = {}});
  };
  const bool linearizable =
      std::find(names.begin(), names.end(), std::string(kLinearizableRead)) != names.end();
  if (!linearizable) return finish("");
  if (backend_.draining.load()) return finish(StoppingFailure());
  if (!backend_.deps.group.has_leader()) return finish(std::string(MessageOf(errors::NoLeader())));
  AfterReadBarrier([finish = std::move(finish)](const std::string& failure) mutable { finish(failure); });
}

}  // namespace cairn::kv::api
