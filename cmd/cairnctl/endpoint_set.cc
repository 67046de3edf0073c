#include "cmd/cairnctl/endpoint_set.h"

#include <fmt/format.h>

#include <thread>
#include <vector>

#include "raft/base/status.h"

namespace cairn::ctl {

absl::StatusOr<std::unique_ptr<kv::client::Client>> EndpointClient(Session& session, bool whole_cluster) {
  absl::StatusOr<std::vector<kv::client::Endpoint>> endpoints =
      kv::client::ParseEndpoints(session.options().endpoints);
  if (!endpoints.ok()) return endpoints.status();
  if (whole_cluster) {
    const absl::StatusOr<pb::MemberListResponse> members =
        session.client().cluster().MemberList(session.call_options());
    if (!members.ok()) {
      return Annotate(members.status(), "failed to fetch endpoints from etcd cluster member list");
    }
    endpoints = kv::client::ClientEndpoints(*members);
    if (!endpoints.ok()) return endpoints.status();
    if (endpoints->empty()) return absl::NotFoundError("no member has published where it takes clients");
  }
  return std::make_unique<kv::client::Client>(*std::move(endpoints), session.channel_options());
}

void AskAll(kv::client::Client& client, const std::function<void(std::size_t endpoint)>& ask) {
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < client.endpoints().size(); ++i) threads.emplace_back(ask, i);
  for (std::thread& thread : threads) thread.join();
}

}  // namespace cairn::ctl
