#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/server_builder.h>

#include <memory>
#include <string>

#include "raft/transport/transport.h"

namespace cairn::raft {

// A connection of its own to one of DialTargets(); never shared with another channel of this process, so that
// bulk on one does not delay heartbeats on another.
std::shared_ptr<grpc::Channel> DialPeer(const std::string& target, const TransportOptions& options);

// The same limits and timings for the end that listens.
void ConfigurePeerServer(const TransportOptions& options, grpc::ServerBuilder& builder);

}  // namespace cairn::raft
