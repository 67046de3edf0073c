#pragma once

#include <memory>
#include <vector>

#include "kv/client/call.h"
#include "kv/client/cluster.h"
#include "kv/client/endpoints.h"
#include "kv/client/kv.h"
#include "kv/client/maintenance.h"
#include "kv/client/watch.h"

namespace cairn::kv::client {

// A cluster seen from outside: endpoints, and what can be asked of them.
//
// Connects when first used. Every call has a deadline and fails over between the endpoints (call.h); errors
// name the endpoint and what to try (failure.h). All members are safe to use from many threads. The client
// must outlive the watchers made from it.
class Client {
 public:
  // REQUIRES: endpoints is not empty. `first`: the endpoint to ask first, for spreading many clients.
  explicit Client(std::vector<Endpoint> endpoints, const ChannelOptions& options = {}, std::size_t first = 0)
      : endpoints_(std::move(endpoints), options, first),
        caller_(endpoints_),
        kv_(caller_),
        maintenance_(caller_),
        cluster_(caller_) {}

  Kv& kv() { return kv_; }
  Maintenance& maintenance() { return maintenance_; }
  Cluster& cluster() { return cluster_; }
  Endpoints& endpoints() { return endpoints_; }

  std::unique_ptr<Watcher> Watch(WatchOptions options) {
    return std::make_unique<Watcher>(endpoints_, std::move(options));
  }

 private:
  Endpoints endpoints_;
  Caller caller_;
  Kv kv_;
  Maintenance maintenance_;
  Cluster cluster_;
};

}  // namespace cairn::kv::client
