#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace cairn::raft {

// Durations in buckets that double: bucket i counts those of at most 2^i * 64 microseconds, the last one
// all others. One writer or many; readers see each number by itself, not one moment.
class DurationHistogram {
 public:
  static constexpr std::size_t kBuckets = 20;

  // The upper bound of a bucket in microseconds. REQUIRES: bucket + 1 < kBuckets; the last has none.
  static constexpr std::uint64_t UpperMicros(std::size_t bucket) { return std::uint64_t{64} << bucket; }

  void Add(std::chrono::nanoseconds duration) {
    const auto micros = static_cast<std::uint64_t>(duration.count() < 0 ? 0 : duration.count() / 1000);
    const std::uint64_t units = (micros + 63) / 64;
    const auto bucket = static_cast<std::size_t>(units <= 1 ? 0 : std::bit_width(units - 1));
    counts_[bucket < kBuckets ? bucket : kBuckets - 1].fetch_add(1, std::memory_order_relaxed);
    sum_micros_.fetch_add(micros, std::memory_order_relaxed);
  }

  [[nodiscard]] std::uint64_t count(std::size_t bucket) const {
    return counts_[bucket].load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t sum_micros() const { return sum_micros_.load(std::memory_order_relaxed); }

 private:
  std::array<std::atomic<std::uint64_t>, kBuckets> counts_{};
  std::atomic<std::uint64_t> sum_micros_{0};
};

// What a node counts about its replica. Written by the replica's, the log writer's and the applier's thread,
// read by anybody; relaxed, for people and dashboards, never for decisions.
struct ReplicaMetrics {
  using Counter = std::atomic<std::uint64_t>;

  Counter proposals_committed{0};  // A gauge: the highest committed index.
  Counter proposals_applied{0};    // A gauge: the highest applied index.
  Counter proposals_pending{0};    // A gauge: of this node's clients.
  Counter proposals_failed{0};     // Of this node's clients: answered with an error of raft's.
  Counter leader_changes{0};
  Counter is_leader{0};   // A gauge: 0 or 1.
  Counter has_leader{0};  // A gauge: 0 or 1.
  Counter is_learner{0};  // A gauge: 0 or 1.
  Counter heartbeat_send_failures{0};
  Counter read_indexes{0};         // Rounds of confirmation asked for by this node.
  Counter slow_read_indexes{0};    // Of those: not answered within an election timeout, and asked again.
  Counter failed_read_indexes{0};  // Of those: answered "not confirmed", and asked again.
  Counter reads_failed{0};
  Counter proposals_forwarded{0};
  Counter forwards_refused{0};
  // The inbox was full, applier or disk too far behind, or it was nothing that a peer may send.
  Counter peer_messages_dropped{0};
  Counter commits_contradicting{0};  // Entries that claim to be our clients' and were not sent so.
  Counter snapshot_points{0};
  Counter snapshots_sent{0};
  Counter snapshots_failed{0};  // To a peer; includes those aborted at ReplicaOptions::max_pinned_bytes.
  Counter snapshots_installed{0};
  Counter log_bytes_on_disk{0};  // A gauge.

  DurationHistogram log_write;    // One SegmentedLog::Write(): a writev and an fdatasync.
  DurationHistogram apply_batch;  // One StateMachine::Apply().
};

}  // namespace cairn::raft
