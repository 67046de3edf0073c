#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <string_view>
#include <vector>

#include "cmd/cairnd/settings.h"
#include "kv/model/member.h"
#include "raft/base/types.h"

namespace cairn::node {

// Who a data directory belongs to.
struct Identity {
  raft::ClusterId cluster;
  raft::NodeId member;
  raft::Incarnation incarnation;  // Random, made with the directory.

  friend bool operator==(const Identity&, const Identity&) = default;
};

// The ids of the first members and of their cluster, by etcd's rule: a member's id is made of its peer URLs
// and the cluster's token, the cluster's of its members' ids. So all of them know all ids without asking.
raft::NodeId MemberIdOf(const std::vector<std::string>& sorted_peer_urls, std::string_view cluster_token);
raft::ClusterId ClusterIdOf(std::vector<raft::NodeId> members);

// The cluster that the settings describe, as its state machine begins, and this node's part in it.
struct Bootstrap {
  raft::ClusterId cluster;
  raft::NodeId self;
  kv::Members members;
};
Bootstrap MakeBootstrap(const Settings& settings);

}  // namespace cairn::node
