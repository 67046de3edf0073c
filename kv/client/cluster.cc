#include "kv/client/cluster.h"

namespace cairn::kv::client {

absl::StatusOr<pb::MemberListResponse> Cluster::MemberList(const CallOptions& options) {
  pb::MemberListRequest request;
  request.set_linearizable(true);
  return caller_.Call(CallKind::kRead, options, std::nullopt, request, &pb::Cluster::Stub::MemberList);
}

absl::StatusOr<std::vector<Endpoint>> ClientEndpoints(const pb::MemberListResponse& members) {
  std::vector<Endpoint> endpoints;
  for (const pb::Member& member : members.members()) {
    for (const std::string& url : member.clienturls()) {
      absl::StatusOr<Endpoint> endpoint = ParseEndpoint(url);
      if (!endpoint.ok()) return endpoint.status();
      endpoints.push_back(*std::move(endpoint));
    }
  }
  return endpoints;
}

}  // namespace cairn::kv::client
