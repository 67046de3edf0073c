#include "cmd/cairnctl/rows.h"

#include <fmt/format.h>

#include "cmd/cairnctl/go_text.h"

namespace cairn::ctl {
namespace {

std::string Bool(bool value) { return value ? "true" : "false"; }

std::string JoinAll(const google::protobuf::RepeatedPtrField<std::string>& parts,
                    std::string_view separator) {
  return Join({parts.begin(), parts.end()}, separator);
}

}  // namespace

std::string Join(const std::vector<std::string>& parts, std::string_view separator) {
  std::string out;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) out += separator;
    out += parts[i];
  }
  return out;
}

Rows MemberRows(const pb::MemberListResponse& response) {
  Rows rows{.header = {"ID", "Status", "Name", "Peer Addrs", "Client Addrs", "Is Learner"}, .rows = {}};
  for (const pb::Member& member : response.members()) {
    rows.rows.push_back({fmt::format("{:x}", member.id()), member.name().empty() ? "unstarted" : "started",
                         member.name(), JoinAll(member.peerurls(), ","), JoinAll(member.clienturls(), ","),
                         Bool(member.islearner())});
  }
  return rows;
}

Rows StatusRows(const std::vector<EndpointStatus>& endpoints) {
  Rows rows{.header = {"endpoint", "ID", "version", "db size", "is leader", "is learner", "raft term",
                       "raft index", "raft applied index", "errors"},
            .rows = {}};
  for (const EndpointStatus& endpoint : endpoints) {
    const pb::StatusResponse& status = endpoint.status;
    rows.rows.push_back({endpoint.endpoint, fmt::format("{:x}", status.header().member_id()),
                         status.version(), HumanBytes(static_cast<std::uint64_t>(status.dbsize())),
                         Bool(status.leader() == status.header().member_id()), Bool(status.islearner()),
                         std::to_string(status.raftterm()), std::to_string(status.raftindex()),
                         std::to_string(status.raftappliedindex()), JoinAll(status.errors(), ", ")});
  }
  return rows;
}

Rows HealthRows(const std::vector<EndpointHealth>& endpoints) {
  Rows rows{.header = {"endpoint", "health", "took", "error"}, .rows = {}};
  for (const EndpointHealth& endpoint : endpoints) {
    rows.rows.push_back({endpoint.endpoint, Bool(endpoint.healthy), endpoint.took, endpoint.error});
  }
  return rows;
}

Rows HashRows(const std::vector<EndpointHash>& endpoints) {
  Rows rows{.header = {"endpoint", "hash"}, .rows = {}};
  for (const EndpointHash& endpoint : endpoints) {
    rows.rows.push_back({endpoint.endpoint, std::to_string(endpoint.hash.hash())});
  }
  return rows;
}

}  // namespace cairn::ctl
