#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "raft/base/types.h"
#include "raft/core/message.h"
#include "raft/replica/ports.h"
#include "raft/transport/stats.h"

namespace grpc {
class Service;
}  // namespace grpc

namespace cairn::raft {

struct TransportOptions {
  NodeId self;
  ClusterId cluster;
  Incarnation incarnation;

  // Where to listen: http://host:port. Port 0 takes a free one; see Transport::listen_urls(). https is
  // refused for now.
  std::vector<std::string> listen_urls;

  // Served on the peer port beside our own service. Synchronous or callback services; they outlive the
  // transport.
  std::vector<grpc::Service*> services;

  std::size_t max_queue_bytes = 32 << 20;    // Waiting for one peer; a message that does not fit is dropped.
  std::size_t max_frame_bytes = 8 << 20;     // A frame takes no further message beyond this.
  std::size_t max_message_bytes = 64 << 20;  // One message; larger ones are dropped with a notice.

  std::chrono::milliseconds reconnect_min{
      50};  // Pause before the second attempt; the first one is immediate.
  std::chrono::milliseconds reconnect_max{500};
  std::chrono::milliseconds refused_pause{1000};  // Before asking again a peer that refused us.
  std::chrono::milliseconds hello_timeout{2000};  // For a peer to introduce itself, connecting included.

  std::size_t snapshot_chunk_bytes = 256 << 10;
  std::uint64_t snapshot_bytes_per_second = 0;  // Of all outgoing snapshots together; 0: as fast as it goes.
  int snapshot_attempts = 5;  // With the receiver at the same place, then the transfer is given up.
  std::chrono::milliseconds snapshot_retry_pause{200};
  // A stream ends when the other side gives no sign for so long; its final check may take longer.
  std::chrono::milliseconds snapshot_silence{15'000};
  std::chrono::milliseconds snapshot_finish_timeout{300'000};
  std::size_t max_outgoing_snapshots = 2;  // At a time; more wait for their turn.
};

// What the transport needs from its node. Set before Start() and never changed.
struct TransportHooks {
  // StateMachine::OpenSnapshot() and ReceiveSnapshot(). Called on the snapshot thread; may block.
  std::function<absl::StatusOr<std::unique_ptr<SnapshotSource>>()> open_snapshot;
  std::function<absl::StatusOr<std::unique_ptr<SnapshotSink>>(const SnapshotMeta& meta,
                                                              std::string_view manifest)>
      receive_snapshot;

  // Whose word an incarnation is: the member's own, the first that it gave here, or that of SetPeers(), which
  // counts more.
  enum class IncarnationFrom : std::uint8_t { kMember, kMembership };

  // A member introduces itself for the first time in this process's life, and is not refused for it: records
  // its incarnation durably, to be given to SetPeers() after a restart, which may have forgotten where it had
  // it from. The member is let in when OK is returned, else refused with the error's words, and may ask
  // again; this first incarnation is held against it until SetPeers() names another. May be empty. Called on
  // either of the transport's threads, with no lock held; may block for the write of a small file.
  std::function<absl::Status(NodeId member, Incarnation incarnation, IncarnationFrom from)>
      record_incarnation;

  // Something a person should read: a refusal, a peer lost or found. Each is told once, not at every attempt.
  // May be empty. Any thread of the transport; must not block.
  enum class Severity : std::uint8_t { kInfo, kWarning };
  std::function<void(Severity severity, std::string_view sentence)> notice;
};

// The streams to the other members over gRPC: one bidirectional stream for each pair (the lower id dials),
// and one more stream, on a connection of its own, for each snapshot under way.
//
// Best effort, as PeerPort says. Messages that go over one stream arrive in the order in which they were
// sent, except that a heartbeat or an acknowledgement takes the place of an older one that still waits. What
// cannot be sent is dropped, and:
// - OnPeerUnreachable() is called once for each time a stream breaks or the queue begins to overflow;
// - ForwardedProposals that certainly did not leave come back at once as ForwardRefused from that peer, with
//   `overloaded` set;
// - OnStreamBroken() is called if a stream broke and a connection attempt made right then was refused or
// reset.
//
// Threads: one for all peers' streams ("cairn-peers"), one for snapshots and all their blocking work
// ("cairn-snapshot"); both are joined by Stop(). Send(), Flush(), SendSnapshot(), CancelSnapshot(),
// SetPeers() and stats() may be called from any thread, but order is only promised between calls from one.
// ReplicaEvents is called from both threads and, for what is refused on the spot, from within Send() or
// Flush(); never with a lock held.
class Transport final : public PeerPort {
 public:
  Transport(TransportOptions options, TransportHooks hooks);
  ~Transport() override;  // Calls Stop().
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  // Listens and begins to connect. `events` outlives Stop(). InvalidArgument: a URL that we cannot use.
  // Unavailable: the address is in use or not ours. After an error nothing runs. REQUIRES: called once.
  absl::Status Start(ReplicaEvents& events);

  // Breaks all streams, stops listening and joins the threads; no event comes afterwards. Drains nothing.
  // Idempotent.
  void Stop();

  void Send(NodeId to, PeerMessage message) override;
  void Flush() override;

  // A second call for the same peer replaces the first, which is then not answered.
  void SendSnapshot(NodeId to, Term term) override;
  void CancelSnapshot(NodeId to) override;

  // May be called before Start(). The node itself may be in the list; it is skipped. URLs that cannot be used
  // are skipped with a notice.
  void SetPeers(std::vector<Peer> peers) override;

  // As bound, ports filled in. REQUIRES: Start() returned OK.
  [[nodiscard]] std::vector<std::string> listen_urls() const;

  [[nodiscard]] TransportStats stats() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cairn::raft
