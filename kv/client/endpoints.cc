#include "kv/client/endpoints.h"

#include "raft/base/assert.h"

namespace cairn::kv::client {

Endpoints::Endpoints(std::vector<Endpoint> endpoints, const ChannelOptions& options, std::size_t first)
    : endpoints_(std::move(endpoints)), health_(endpoints_.size(), first) {
  for (const Endpoint& endpoint : endpoints_) channels_.push_back(MakeChannel(endpoint, options));
}

std::vector<std::size_t> Endpoints::Order() const {
  const absl::MutexLock lock(&mu_);
  return health_.Order(std::chrono::steady_clock::now());
}

void Endpoints::Succeeded(std::size_t endpoint) {
  const absl::MutexLock lock(&mu_);
  health_.Succeeded(endpoint);
}

void Endpoints::Failed(std::size_t endpoint) {
  const absl::MutexLock lock(&mu_);
  health_.Failed(endpoint, std::chrono::steady_clock::now());
}

std::string Endpoints::Names() const {
  std::string names;
  for (const Endpoint& endpoint : endpoints_) {
    if (!names.empty()) names += ", ";
    names += endpoint.name;
  }
  return names;
}

}  // namespace cairn::kv::client
