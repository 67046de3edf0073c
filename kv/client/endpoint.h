#pragma once

#include <absl/status/statusor.h>
#include <grpcpp/channel.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::kv::client {

// A place where a node may answer.
struct Endpoint {
  std::string name;    // As the user wrote it; this is what is printed.
  std::string target;  // What gRPC dials: host:port or unix:path.
};

// Takes host:port, http://host:port, unix://path. InvalidArgument says what is wrong with anything else; so
// does https://, which is not supported yet: better refused than spoken in the clear.
absl::StatusOr<Endpoint> ParseEndpoint(std::string_view text);

// A list separated by commas.
absl::StatusOr<std::vector<Endpoint>> ParseEndpoints(std::string_view list);

struct ChannelOptions {
  // How long one attempt to connect may take.
  std::chrono::milliseconds dial_timeout{2000};
  // A silent peer is asked for a sign of life after this time, and given up when none comes within the
  // timeout. Servers of etcd's kind refuse pings that come faster than every 5 s.
  std::chrono::milliseconds keepalive_time{6000};
  std::chrono::milliseconds keepalive_timeout{4000};
  // A connection of its own, instead of one shared by all channels to the same address in this process.
  bool own_connection = false;
};

// Does not connect yet. Messages of any size are received: the server bounds what it sends.
std::shared_ptr<grpc::Channel> MakeChannel(const Endpoint& endpoint, const ChannelOptions& options);

}  // namespace cairn::kv::client
