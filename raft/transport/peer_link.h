#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "raft/transport/byte_stream.h"
#include "raft/transport/environment.h"
#include "raft/transport/frame.h"
#include "raft/transport/outbox.h"
#include "raft/transport/round_trip.h"
#include "raft/transport/stats.h"

namespace cairn::raft {

// This node's side of one pair: what waits for the peer, and the stream that carries it while there is one.
// Frames are as large as it comes: while one is being written, messages gather for the next.
//
// Thread-safe. Encoding and gRPC happen outside of the lock, on the thread that found the stream free: the
// caller of Flush(), or the loop's when a write is done.
class PeerLink {
 public:
  PeerLink(NodeId id, const Environment& environment);

  [[nodiscard]] NodeId id() const { return id_; }

  // Queues a message, or drops it and tells the replica.
  void Send(PeerMessage message) ABSL_LOCKS_EXCLUDED(mu_);

  // Writes what waits as one frame, unless a write is in flight.
  void Flush() ABSL_LOCKS_EXCLUDED(mu_);

  // From now on `stream` carries the messages. Returns the one that did until now, for the caller to cancel.
  std::shared_ptr<ByteStream> Attach(std::shared_ptr<ByteStream> stream) ABSL_LOCKS_EXCLUDED(mu_);

  // `stream` is over. False if another one had taken its place; otherwise what waited is dropped and the
  // replica told.
  bool Detach(const ByteStream& stream) ABSL_LOCKS_EXCLUDED(mu_);

  // A frame that arrived over a stream of this peer.
  void Receive(Frame frame, std::size_t bytes);

  // The write in flight on the attached stream has left; goes on with what gathered.
  void Written() ABSL_LOCKS_EXCLUDED(mu_);

  void CountRefusal() { refused_.fetch_add(1, std::memory_order_relaxed); }

  [[nodiscard]] bool connected() const ABSL_LOCKS_EXCLUDED(mu_);
  [[nodiscard]] PeerStats stats() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // Dropped messages as the replica has to hear of them.
  struct Lost {
    bool unreachable = false;
    std::vector<PeerMessage> refusals;  // From the peer, as it were.
  };
  void Drop(PeerMessage message, Lost& lost) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Report(Lost lost) const;

  const NodeId id_;
  const Environment& environment_;
  RoundTripMeter round_trip_;

  mutable absl::Mutex mu_;
  Outbox outbox_ ABSL_GUARDED_BY(mu_);
  std::shared_ptr<ByteStream> stream_ ABSL_GUARDED_BY(mu_);  // Null while there is none.
  bool in_flight_ ABSL_GUARDED_BY(mu_) = false;              // A frame of ours is being written to stream_.
  bool unreachable_told_ ABSL_GUARDED_BY(mu_) = false;       // Since the last time it was reachable.

  std::atomic<std::uint64_t> bytes_sent_{0};
  std::atomic<std::uint64_t> bytes_received_{0};
  std::atomic<std::uint64_t> frames_sent_{0};
  std::atomic<std::uint64_t> frames_received_{0};
  std::atomic<std::uint64_t> messages_sent_{0};
  std::atomic<std::uint64_t> messages_received_{0};
  std::atomic<std::uint64_t> messages_dropped_{0};
  std::atomic<std::uint64_t> messages_replaced_{0};
  std::atomic<std::uint64_t> frames_failed_{0};
  std::atomic<std::uint64_t> opened_{0};
  std::atomic<std::uint64_t> broken_{0};
  std::atomic<std::uint64_t> refused_{0};
};

}  // namespace cairn::raft
