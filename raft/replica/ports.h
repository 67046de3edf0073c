#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "raft/base/types.h"
#include "raft/core/entry.h"
#include "raft/core/member_config.h"
#include "raft/core/message.h"
#include "raft/log/segmented_log.h"
#include "raft/replica/group.h"

// The edges of the replica. In production each is a thread or a set of streams that answers through
// ReplicaEvents; in simulation the simulator is on the other side. No call here blocks.
namespace cairn::raft {

// A committed entry on its way to the state machine; `done` is set if somebody on this node waits for its
// result.
struct ApplyItem {
  Entry entry;
  ProposeDone done;

  // Answers and forgets: an item that still has its `done` has not been answered. REQUIRES: done is set.
  void Answer(absl::StatusOr<std::unique_ptr<ApplyResult>> result) {
    ProposeDone answered = std::exchange(done, nullptr);
    answered(std::move(result));
  }
};

// What is replicated. All calls but OpenSnapshot() come from the applier's thread, in order.
class StateMachine {
 public:
  virtual ~StateMachine() = default;

  // Where the state stands after opening it: (index, term), membership, cluster time; {0,0} and the bootstrap
  // membership in a new cluster.
  [[nodiscard]] virtual SnapshotMeta recovered() const = 0;

  // Applies entries in index order and answers each `done` through ApplyItem::Answer(). Entries at or below
  // recovered() never come.
  // kMembership entries come too (decode with DecodeMembership) so that the state remembers who is a member.
  // An error is fatal for this node: it stops rather than diverge.
  virtual absl::Status Apply(std::span<ApplyItem> items) = 0;

  // Starts making everything applied so far durable, in the background. flushed() moves when done.
  virtual void StartFlush() = 0;
  // The log may be released up to here: the state on stable storage contains it. Thread-safe.
  [[nodiscard]] virtual EntryId flushed() const = 0;
  // Bytes a flush would write now; thread-safe and cheap.
  [[nodiscard]] virtual std::uint64_t unflushed_bytes() const = 0;

  // Opens a consistent image of the flushed state for sending. Any thread but the replica's: may take
  // milliseconds.
  virtual absl::StatusOr<std::unique_ptr<class SnapshotSource>> OpenSnapshot() = 0;

  // A place to put an incoming snapshot's bytes. Any one thread. Resumes what an earlier broken transfer of
  // the same snapshot left, across restarts of this process.
  virtual absl::StatusOr<std::unique_ptr<class SnapshotSink>> ReceiveSnapshot(const SnapshotMeta& meta,
                                                                              std::string_view manifest) = 0;

  // Replaces the state by a finished sink's. Durable when OK is returned.
  virtual absl::Status Install(std::unique_ptr<class SnapshotSink> sink) = 0;
};

// A snapshot being sent: named files in a fixed order. One thread. Closing it removes the checkpoint.
class SnapshotSource {
 public:
  struct FileInfo {
    std::string name;  // No slash.
    std::uint64_t size = 0;
  };
  virtual ~SnapshotSource() = default;
  [[nodiscard]] virtual const SnapshotMeta& meta() const = 0;
  [[nodiscard]] virtual const std::vector<FileInfo>& files() const = 0;
  // Identifies the content; the same manifest means that a broken transfer may be resumed.
  [[nodiscard]] virtual const std::string& manifest() const = 0;
  virtual absl::Status Read(std::size_t file, std::uint64_t offset, std::size_t length, std::string& out) = 0;
};

// A snapshot being received. One thread.
class SnapshotSink {
 public:
  virtual ~SnapshotSink() = default;
  [[nodiscard]] virtual const SnapshotMeta& meta() const = 0;
  // Where to go on: (file, offset). Everything before is already on disk.
  struct Position {
    std::size_t file = 0;
    std::uint64_t offset = 0;
    friend bool operator==(const Position&, const Position&) = default;
  };
  [[nodiscard]] virtual Position next() const = 0;
  // `bytes` were checked against their checksum by the caller. REQUIRES: at == next().
  virtual absl::Status Write(Position at, std::string_view bytes) = 0;
  // All files are there and synced; checks that the content opens and is what meta() says.
  virtual absl::Status Finish() = 0;
};

// Storage of the log. Each call is answered, in order, by ReplicaEvents::OnLogPersisted().
class LogPort {
 public:
  virtual ~LogPort() = default;
  virtual void Write(LogWrite write) = 0;
  // A write, too: answered with OnLogPersisted(number).
  virtual void Reset(EntryId base, WriteNumber number) = 0;
  virtual void ReleaseUpTo(Index index) = 0;
};

// The applier. Answered by OnApplied() after each batch.
class ApplyPort {
 public:
  virtual ~ApplyPort() = default;
  virtual void Apply(std::vector<ApplyItem> items) = 0;
  virtual void Install(std::unique_ptr<SnapshotSink> sink) = 0;  // Answered by OnInstalled().
  // Lets go of a snapshot that nobody wants: that closes files and removes a tree of them.
  virtual void Discard(std::unique_ptr<SnapshotSink> sink) = 0;
  virtual void StartFlush() = 0;  // Answered by OnFlushed().
};

// What goes between replicas beside the core's messages: proposals on their way to the leader (design 3.1,
// forwarding). Sent at most once; a receiver that does not lead in `term` refuses all of them.
struct ForwardedProposals {
  Term term;
  std::vector<std::pair<ProposalId, Payload>> proposals;
};
struct ForwardRefused {
  Term term;
  std::vector<ProposalId> proposals;  // Certainly not in the log, and never will be.
  bool overloaded = false;
};
using PeerMessage = std::variant<Message, ForwardedProposals, ForwardRefused>;

// The streams to the other members. Best effort: what cannot be sent is dropped and reported.
class PeerPort {
 public:
  virtual ~PeerPort() = default;
  virtual void Send(NodeId to, PeerMessage message) = 0;
  // End of one round of Send(): whatever was queued for a peer may leave as one frame.
  virtual void Flush() = 0;
  virtual void SendSnapshot(NodeId to, Term term) = 0;  // Answered by OnSnapshotSent().
  // Gives up a transfer that waits or is on its way; nothing if there is none. The transfer is answered by
  // OnSnapshotSent() as ever, once: as not sent, or as sent if the receiver has it all by then.
  virtual void CancelSnapshot(NodeId to) = 0;
  // Peers by membership: add, drop, change addresses. Peers not named are disconnected.
  struct Peer {
    NodeId id;
    std::vector<std::string> urls;
    std::optional<Incarnation> incarnation;  // Unknown until the member has introduced itself once.
  };
  virtual void SetPeers(std::vector<Peer> peers) = 0;
};

// The addresses of the members of `membership.config`, without this node. `membership.context` is that of the
// entry that made the configuration; it is empty at start and after a snapshot, where the function asks the
// state machine's owner instead. Called from the replica's thread, at start from that of the caller of
// ReplicaRuntime::Start(); must not block.
using PeersOf = std::function<std::vector<PeerPort::Peer>(const Membership& membership)>;

// What the edges tell the replica. In production the runtime's inbox implements it: thread-safe, never
// blocks, bounded (messages of peers beyond the bound are dropped as a network would; completions are never
// dropped).
class ReplicaEvents {
 public:
  virtual ~ReplicaEvents() = default;
  virtual void OnLogPersisted(WriteNumber number) = 0;
  virtual void OnApplied(Index index) = 0;
  virtual void OnInstalled(SnapshotMeta meta) = 0;
  virtual void OnFlushed(EntryId flushed) = 0;
  virtual void OnPeerMessages(NodeId from, std::vector<PeerMessage> messages) = 0;
  virtual void OnPeerUnreachable(NodeId peer) = 0;
  virtual void OnStreamBroken(NodeId peer) = 0;
  virtual void OnSnapshotSent(NodeId to, std::optional<Index> index) = 0;
  // All bytes of a snapshot from the leader of `term` are here, checked and finished.
  virtual void OnSnapshotReceived(NodeId from, Term term, std::unique_ptr<SnapshotSink> sink) = 0;
  // A part of the node failed for good (fsync error, apply error): the node stops.
  virtual void OnFatal(absl::Status status) = 0;
};

}  // namespace cairn::raft
