#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <vector>

#include "raft/base/types.h"

namespace cairn::raft {

// Round trips in buckets that double: bucket i counts those of at most 100 µs · 2^i, the last one everything.
struct RoundTripHistogram {
  static constexpr std::size_t kBuckets = 17;
  static constexpr std::chrono::microseconds kFirstBound{100};

  std::array<std::uint64_t, kBuckets> counts{};  // Not cumulative.
  std::uint64_t sum_microseconds = 0;
};

// What passed between this node and one peer since the peer was named in SetPeers().
struct PeerStats {
  NodeId id;
  bool connected = false;  // A stream is up: both sides have introduced themselves.
  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_received = 0;
  std::uint64_t frames_sent = 0;
  std::uint64_t frames_received = 0;
  std::uint64_t messages_sent = 0;
  std::uint64_t messages_received = 0;
  std::uint64_t messages_dropped = 0;   // Never left: no stream, or the queue was full.
  std::uint64_t messages_replaced = 0;  // Overtaken in the queue by a newer one of the same kind.
  std::uint64_t frames_failed = 0;      // Sending began and the stream broke; what arrived is unknown.
  std::uint64_t streams_opened = 0;
  std::uint64_t streams_broken = 0;
  std::uint64_t streams_refused = 0;  // By us or by the peer.
  std::uint64_t queue_bytes = 0;      // Waiting now.
  RoundTripHistogram round_trip;
};

struct SnapshotStats {
  std::uint64_t sent = 0;
  std::uint64_t send_failures = 0;  // Given up.
  std::uint64_t send_resumes = 0;   // Broken and begun again where they stood.
  std::uint64_t received = 0;
  std::uint64_t receive_failures = 0;  // Ended before the last byte, for whatever reason.
  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_received = 0;
};

struct TransportStats {
  std::vector<PeerStats> peers;  // In order of id.
  SnapshotStats snapshots;
  std::uint64_t strangers_refused = 0;  // Streams that never became those of a peer.
};

}  // namespace cairn::raft
