#include "kv/client/endpoint.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <charconv>

namespace cairn::kv::client {
namespace {

absl::Status Bad(std::string_view text, std::string_view why) {
  return absl::InvalidArgumentError(fmt::format("bad endpoint \"{}\": {}", text, why));
}

bool IsPort(std::string_view text) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port > 0 && port <= 65535;
}

}  // namespace

absl::StatusOr<Endpoint> ParseEndpoint(std::string_view text) {
  if (text.starts_with("https://")) return Bad(text, "TLS is not supported yet; use http://");
  if (text.starts_with("unix://")) {
    const std::string_view path = text.substr(7);
    if (path.empty()) return Bad(text, "the path of the socket is missing");
    return Endpoint{.name = std::string(text), .target = "unix:" + std::string(path)};
  }
  std::string_view address = text;
  if (address.starts_with("http://")) address.remove_prefix(7);
  if (address.ends_with('/')) address.remove_suffix(1);
  if (address.find('/') != std::string_view::npos) return Bad(text, "expected host:port");
  const std::size_t colon = address.rfind(':');
  if (colon == std::string_view::npos || colon == 0) {
    return Bad(text, "expected host:port, for example 127.0.0.1:2379");
  }
  if (!IsPort(address.substr(colon + 1))) return Bad(text, "the port is not a number from 1 to 65535");
  return Endpoint{.name = std::string(text), .target = std::string(address)};
}

absl::StatusOr<std::vector<Endpoint>> ParseEndpoints(std::string_view list) {
  std::vector<Endpoint> endpoints;
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    absl::StatusOr<Endpoint> endpoint = ParseEndpoint(list.substr(0, comma));
    if (!endpoint.ok()) return endpoint.status();
    endpoints.push_back(*std::move(endpoint));
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  if (endpoints.empty()) return absl::InvalidArgumentError("no endpoint given; for example 127.0.0.1:2379");
  return endpoints;
}

std::shared_ptr<grpc::Channel> MakeChannel(const Endpoint& endpoint, const ChannelOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetMaxSendMessageSize(-1);
  // A node that was killed is back within a second; gRPC's own pace (1 s, growing to 2 min) would hide that.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 50);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 500);
  // This one is really the time allowed for connecting.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, static_cast<int>(options.dial_timeout.count()));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, static_cast<int>(options.keepalive_time.count()));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, static_cast<int>(options.keepalive_timeout.count()));
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  if (options.own_connection) arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(endpoint.target, grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace cairn::kv::client
