#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <optional>

#include "kv/client/proto.h"

namespace cairn::kv::client {

// Where a watch stands: puts the pieces of a fragmented response together, drops what was delivered before,
// checks the order of events, and knows from which revision a new stream has to start. No I/O.
//
// Two numbers, because they answer different questions. What was delivered decides what is dropped as a
// repetition; progress does not count there, for servers of etcd before 3.4.25 may report progress ahead of
// events that are still under way. Progress does decide where the next stream starts.
class WatchCursor {
 public:
  // 0: from now on.
  explicit WatchCursor(std::int64_t start_revision)
      : resume_(start_revision), delivered_(start_revision > 0 ? start_revision - 1 : 0) {}

  // A stream begins: pieces of an unfinished response of the last one are forgotten.
  void OnStreamStart() { fragments_.reset(); }

  // The server confirmed the watch, at `store_revision`.
  void OnCreated(std::int64_t store_revision);

  // A response with events or progress. Nothing: it is not complete yet, or held nothing new. DataLoss: its
  // events are out of order.
  absl::StatusOr<std::optional<pb::WatchResponse>> OnResponse(pb::WatchResponse response);

  // First revision that was not seen yet: a new stream starts here. 0: from now on.
  std::int64_t resume_revision() const { return resume_; }
  std::int64_t repeated_events() const { return repeated_; }

 private:
  absl::Status DropDelivered(pb::WatchResponse& response);

  std::int64_t resume_;  // Invariant: 0, or > delivered_.
  std::int64_t
      delivered_;  // All events up to this revision were handed out; the caller did not want those before.
  std::int64_t repeated_ = 0;
  std::optional<pb::WatchResponse> fragments_;  // Pieces so far, if the last one said that more follow.
};

}  // namespace cairn::kv::client
