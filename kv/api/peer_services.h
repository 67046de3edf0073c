#pragma once

#include <memory>
#include <vector>

#include "kv/api/server.h"

namespace grpc {
class Service;
}

namespace cairn::kv {

// The few calls that test suites and old clients send to the peer port: Maintenance.Status and
// Cluster.MemberList, answered locally. To be given to raft::Transport as extra services; independent of the
// ApiServer, so that the peer port may open first. Must outlive the server that serves it.
class PeerServices {
 public:
  static std::unique_ptr<PeerServices> Create(ApiOptions options, ApiDependencies dependencies);

  virtual ~PeerServices() = default;
  virtual std::vector<grpc::Service*> services() = 0;  // Owned by this object.
};

}  // namespace cairn::kv
