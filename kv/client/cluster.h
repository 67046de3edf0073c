#pragma once

#include "kv/client/call.h"

namespace cairn::kv::client {

// Who the members are. Thread-safe.
class Cluster {
 public:
  explicit Cluster(Caller& caller) : caller_(caller) {}  // `caller` must outlive it.

  absl::StatusOr<pb::MemberListResponse> MemberList(const CallOptions& options = {});

 private:
  Caller& caller_;
};

// Where the members take clients, in the order of the list; learners too. An error if one is unusable.
absl::StatusOr<std::vector<Endpoint>> ClientEndpoints(const pb::MemberListResponse& members);

}  // namespace cairn::kv::client
