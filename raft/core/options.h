#pragma once

#include <cstddef>
#include <cstdint>

#include "raft/base/types.h"

namespace cairn::raft {

// Time is counted in ticks; the owner decides how long one is (10 ms in production).
struct CoreOptions {
  NodeId self;
  // Of the generator that draws election timeouts and the ids of forwarded reads. To be drawn anew at each
  // start: else an answer to a read of an earlier life may be taken for one of this life (R95).
  std::uint64_t seed = 1;
  int heartbeat_ticks = 5;
  int election_ticks = 30;  // T: each timeout is drawn from [T, 2T).
  bool pre_vote = true;
  bool check_quorum = true;
  std::size_t max_append_bytes = 1 << 20;        // Payload bytes in one AppendRequest; one entry always fits.
  std::size_t max_append_entries = 4096;         // In one AppendRequest.
  std::size_t max_inflight_bytes = 8 << 20;      // Unacknowledged payload bytes to one peer.
  std::size_t max_inflight_appends = 256;        // Unacknowledged AppendRequests to one peer.
  std::size_t max_uncommitted_bytes = 64 << 20;  // Beyond this a leader refuses proposals (R39).
  std::size_t max_committed_bytes =
      4 << 20;                            // Handed out in one Output::committed; one entry always fits (R40).
  std::size_t max_pending_reads = 65536;  // Tokens waiting at a leader.
};

}  // namespace cairn::raft
