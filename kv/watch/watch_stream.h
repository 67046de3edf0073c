#pragma once

// This file is a draft of the contract: names and meanings are fixed, private parts are the implementer's.

#include <absl/functional/any_invocable.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "kv/model/bytes.h"
#include "kv/model/revision.h"
#include "proto/etcd/rpc_fwd.h"

namespace cairn::kv {

// One Watch RPC, without its transport: requests go in, encoded WatchResponses come out one at a time when
// the transport has room for one. What a slow client has not taken is a cursor, not a queue: memory per
// stream is bounded.
//
// Handle() and Take() are called by the transport, never two calls at the same time. Destroy it when the RPC
// has ended.
class WatchStream {
 public:
  virtual ~WatchStream() = default;

  virtual void Handle(const etcdserverpb::WatchRequest& request) = 0;

  // The next response in stream order, nothing if there is none now; then `wake` is called once when there
  // is. May read the store.
  virtual std::optional<EncodedMessage> Take() = 0;
};

}  // namespace cairn::kv
