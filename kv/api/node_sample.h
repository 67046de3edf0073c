#pragma once

#include <cstdint>
#include <vector>

namespace cairn::kv {

// A histogram as its owner keeps it: counts[i] is the number of observations in (upper_bounds[i-1],
// upper_bounds[i]], counts.back() of those above the last bound; so counts has one element more. Empty
// (no bounds): the owner does not measure it yet, and the API shows etcd's buckets with zeroes.
struct HistogramSample {
  std::vector<double> upper_bounds;  // Ascending. Seconds for durations.
  std::vector<std::uint64_t> counts;
  double sum = 0;
};

struct PeerSample {
  std::uint64_t id = 0;
  bool active = false;
  std::uint64_t received_bytes = 0;
  std::uint64_t sent_bytes = 0;
  std::uint64_t sent_failures = 0;
  std::uint64_t received_failures = 0;
  HistogramSample round_trip_seconds;
  std::uint64_t snapshots_sent = 0;
  std::uint64_t snapshots_send_failed = 0;
  std::uint64_t snapshots_received = 0;
  std::uint64_t snapshots_receive_failed = 0;
};

// What the rest of the node knows that the API cannot see through Group, Reader and Hub: read once for each
// scrape of /metrics. Counters count from the start of the process. What is left at its default shows as 0.
struct NodeSample {
  // Raft.
  std::uint64_t proposals_failed = 0;
  std::uint64_t heartbeat_send_failures = 0;
  std::uint64_t slow_applies = 0;
  std::uint64_t slow_reads = 0;    // Read barriers that took longer than an election timeout.
  std::uint64_t failed_reads = 0;  // Read barriers that were not confirmed.
  std::uint64_t reads_confirmed = 0;
  HistogramSample apply_seconds;  // One batch of entries.
  HistogramSample apply_batch_entries;

  // Disk.
  HistogramSample log_sync_seconds;
  HistogramSample log_write_seconds;
  HistogramSample log_batch_entries;
  std::uint64_t log_bytes_written = 0;
  HistogramSample store_commit_seconds;

  bool installing_snapshot = false;
  std::vector<PeerSample> peers;
};

}  // namespace cairn::kv
