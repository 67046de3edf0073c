#pragma once

#include "kv/client/call.h"

namespace cairn::kv::client {

// What is asked of one node: its state, its hash, the leadership it holds. Thread-safe.
class Maintenance {
 public:
  explicit Maintenance(Caller& caller) : caller_(caller) {}  // `caller` must outlive it.

  absl::StatusOr<pb::StatusResponse> Status(std::size_t endpoint, const CallOptions& options = {});
  // Of the history up to `revision`; 0: all of it.
  absl::StatusOr<pb::HashKVResponse> HashKv(std::size_t endpoint, std::int64_t revision,
                                            const CallOptions& options = {});
  // The endpoint must be the leader's.
  absl::StatusOr<pb::MoveLeaderResponse> MoveLeader(std::size_t endpoint, std::uint64_t target,
                                                    const CallOptions& options = {});
  // OK if the node can answer a linearizable read, which takes a leader and a majority.
  absl::Status Health(std::size_t endpoint, const CallOptions& options = {});

 private:
  Caller& caller_;
};

}  // namespace cairn::kv::client
