#include "cmd/cairn-bench/target.h"

#include "kv/client/client.h"

namespace cairn::bench {

absl::StatusOr<std::vector<kv::client::Endpoint>> ResolveTarget(const Options& options) {
  if (options.target == Target::kAll) return options.endpoints;
  kv::client::Client client(options.endpoints);
  std::vector<kv::client::Endpoint> chosen;
  for (std::size_t i = 0; i < options.endpoints.size(); ++i) {
    const auto status = client.maintenance().Status(i);
    if (!status.ok()) return status.status();
    const bool leads = status->leader() == status->header().member_id();
    if (leads == (options.target == Target::kLeader)) chosen.push_back(options.endpoints[i]);
  }
  if (chosen.empty()) {
    return absl::NotFoundError(options.target == Target::kLeader
                                   ? "none of the endpoints leads; name all of them"
                                   : "none of the endpoints follows; name all of them");
  }
  return chosen;
}

}  // namespace cairn::bench
