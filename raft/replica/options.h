#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "raft/base/types.h"
#include "raft/core/options.h"

namespace cairn::raft {

// Sizes and intervals of one replica. The defaults suit production; tests make them small.
struct ReplicaOptions {
  CoreOptions core;
  ClusterId cluster;

  // Drawn at random by the owner at each start of a process, never 0: names this life of the node in
  // proposal ids, so that an entry of an earlier life is never taken for the answer to one of this life.
  std::uint64_t origin = 0;

  std::chrono::milliseconds tick{10};  // How long one tick of `core` is.

  // A request that is not answered within this plus two election timeouts is answered kTimeout.
  std::chrono::milliseconds request_budget{5000};

  std::size_t max_payload_bytes = 8 << 20;
  std::size_t max_pending_proposals = 65536;  // Of this node's clients; beyond: kOverloaded.
  std::size_t max_pending_bytes = 64 << 20;   // Payload bytes of those.
  std::size_t max_pending_reads = 65536;      // Of this node's clients; beyond: kOverloaded.
  std::size_t max_forwarded_bytes = 8 << 20;  // On their way to the leader; the rest waits here.

  // What is committed here and not applied, and what is given to the log and not durable. Beyond either, a
  // leader refuses proposals (kOverloaded), its own clients' and others', and a follower lets entries be
  // lost.
  std::size_t max_unapplied_entries = 65536;
  std::size_t max_unapplied_bytes = 128 << 20;
  std::size_t max_unpersisted_bytes = 128 << 20;

  // A snapshot point (flush of the state, release of the log) comes when `snapshot_count` entries have been
  // applied since the last one AND either `snapshot_bytes` wait to be flushed or `snapshot_interval` has
  // passed; or at once when `max_log_bytes` have been applied since.
  std::uint64_t snapshot_count = 10000;
  std::uint64_t snapshot_bytes = 16 << 20;
  std::chrono::milliseconds snapshot_interval{5000};
  std::uint64_t max_log_bytes = 256 << 20;

  // Entries kept behind a snapshot point, so that a slow follower needs no snapshot: this many, but no more
  // bytes than that.
  std::uint64_t margin_entries = 5000;
  std::uint64_t margin_bytes = 64 << 20;

  // What may be kept for the receiver of a snapshot. A transfer that would need more is aborted, and the next
  // one to that peer waits, longer each time.
  std::uint64_t max_pinned_bytes = 512 << 20;
};

}  // namespace cairn::raft
