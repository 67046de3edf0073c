#pragma once

#include <cstddef>
#include <memory>
#include <optional>

#include "kv/model/bytes.h"
#include "proto/etcd/rpc_fwd.h"

namespace cairn::kv {

// One Watch RPC, without its transport: requests go in, encoded WatchResponses come out one at a time when
// the transport has room for one. What a slow client has not taken is a cursor, not a queue: memory per
// stream is bounded by the number of its watches and one response.
//
// The methods are called by the transport, never two calls at the same time. Destroy it when the RPC has
// ended and before the hub; the destructor waits for a call of `wake` that is under way, so do not hold a
// lock that `wake` takes.
class WatchStream {
 public:
  virtual ~WatchStream() = default;

  virtual void Handle(const etcdserverpb::WatchRequest& request) = 0;

  // The next response in stream order, nothing if there is none now; then `wake` is called once when there
  // may be. A new stream counts as one whose Take() has returned nothing. May read the store. Does a bounded
  // amount of work: after much searching without a find it returns nothing and calls `wake` at once, from
  // inside the call.
  virtual std::optional<EncodedMessage> Take() = 0;

  // Answers to requests that Take() has not returned yet. It may return nothing while there are some.
  [[nodiscard]] virtual std::size_t answers_waiting() const = 0;
};

}  // namespace cairn::kv
