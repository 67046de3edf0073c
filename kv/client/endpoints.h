#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include <memory>
#include <vector>

#include "kv/client/endpoint.h"
#include "kv/client/health_memory.h"

namespace cairn::kv::client {

// The endpoints of one cluster, a channel to each, and the memory of which ones work. Thread-safe; channels
// live as long as this object or whoever took a reference.
class Endpoints {
 public:
  // REQUIRES: endpoints is not empty. `first` is the one to ask first.
  Endpoints(std::vector<Endpoint> endpoints, const ChannelOptions& options, std::size_t first = 0);

  std::size_t size() const { return endpoints_.size(); }
  const std::string& name(std::size_t endpoint) const { return endpoints_.at(endpoint).name; }
  const std::shared_ptr<grpc::Channel>& channel(std::size_t endpoint) const { return channels_.at(endpoint); }

  std::vector<std::size_t> Order() const ABSL_LOCKS_EXCLUDED(mu_);
  void Succeeded(std::size_t endpoint) ABSL_LOCKS_EXCLUDED(mu_);
  void Failed(std::size_t endpoint) ABSL_LOCKS_EXCLUDED(mu_);

  // "a, b, c", for messages.
  std::string Names() const;

 private:
  const std::vector<Endpoint> endpoints_;
  std::vector<std::shared_ptr<grpc::Channel>> channels_;  // Fixed after construction.
  mutable absl::Mutex mu_;
  HealthMemory health_ ABSL_GUARDED_BY(mu_);
};

}  // namespace cairn::kv::client
