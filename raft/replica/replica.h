#pragma once

#include <absl/functional/any_invocable.h>
#include <absl/status/status.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "raft/core/core.h"
#include "raft/replica/apply_backlog.h"
#include "raft/replica/client_requests.h"
#include "raft/replica/cluster_clock.h"
#include "raft/replica/forwards.h"
#include "raft/replica/group.h"
#include "raft/replica/log_keeper.h"
#include "raft/replica/log_queue.h"
#include "raft/replica/metrics.h"
#include "raft/replica/options.h"
#include "raft/replica/peer_book.h"
#include "raft/replica/ports.h"
#include "raft/replica/received_snapshots.h"
#include "raft/replica/snapshot_sender.h"
#include "raft/replica/succession.h"

namespace cairn::raft {

// The one place where the consensus core meets the world. It has no thread, clock, file or socket: it is told
// what happened, and acts on its ports when Run() is called. In production ReplicaRuntime gives it a thread
// and an inbox, in simulation the simulator calls it; it is the same code.
//
// One Run() handles everything that arrived since the last: all proposals are one batch for the core or for
// the leader, all reads share one round of confirmation, and each port is handed its share once. Nothing
// waits for a timer on the way of a request.
//
// Not thread-safe. Ports must not call back from inside a call; their answers are events of a later turn.
class Replica final : public ReplicaEvents {
 public:
  // All must outlive the replica. `machine` is only asked for flushed() and unflushed_bytes().
  struct Ports {
    LogPort& log;
    ApplyPort& apply;
    PeerPort& peers;
    const StateMachine& machine;
  };
  using TransferDone = Transfers::Done;

  Replica(const ReplicaOptions& options, const RestoredState& restored, const Ports& ports, PeersOf peers_of,
          ReplicaMetrics& metrics);
  ~Replica() override;

  // What clients ask for. Answers come from a later Run(), or from the applier.
  void Propose(Payload command, ProposeDone done);
  void ReadBarrier(ReadDone done);
  void TransferLeadership(std::optional<NodeId> to, TransferDone done);
  void ChangeMembership(MembershipChange change, ProposeDone done);

  // What PeersOf() answers has changed without a change of membership: a member has introduced itself.
  void PeersChanged();

  // Time passes: one tick of the core's.
  void Tick();

  // ReplicaEvents, from the owner's thread.
  void OnLogPersisted(WriteNumber number) override;
  void OnApplied(Index index) override;
  void OnInstalled(SnapshotMeta meta) override;
  void OnFlushed(EntryId flushed) override;
  void OnPeerMessages(NodeId from, std::vector<PeerMessage> messages) override;
  void OnPeerUnreachable(NodeId peer) override;
  void OnStreamBroken(NodeId peer) override;
  void OnSnapshotSent(NodeId to, std::optional<Index> index) override;
  void OnSnapshotReceived(NodeId from, Term term, std::unique_ptr<SnapshotSink> sink) override;
  void OnFatal(absl::Status status) override;

  // Acts on all of the above. `now` never falls.
  void Run(MonotonicTime now);

  // Clients' new requests are refused from now on; a leader hands over to its best follower. drained() says
  // when nobody waits for this node any more.
  void BeginStop();
  [[nodiscard]] bool drained() const;

  // Answers everybody who still waits with kStopped. Nothing may follow but the destructor.
  void Abandon();

  // Why the node cannot go on; OK while it can.
  [[nodiscard]] const absl::Status& failure() const { return failure_; }

  [[nodiscard]] GroupStatus Describe() const;
  [[nodiscard]] const Core& core() const { return core_; }

 private:
  // The steps of Run(), in order.
  void NoteLeader(MonotonicTime now);
  void TakeForwarded(MonotonicTime now);
  void ProposeOwn(MonotonicTime now);
  void ProposeToOwnLog(MonotonicTime now);
  void ForwardTo(NodeId leader);
  void ChangeMembershipNow(MonotonicTime now);
  void StartReadRound();
  void UpdateMetrics();

  // Obeys one output of the core in the order that raft/core/output.h numbers.
  void Perform(Output output);
  void Install(const SnapshotMeta& meta);
  void StartWrite(WriteNumber write, std::optional<HardState> hard_state, std::vector<Entry> entries);
  void Send(std::vector<Envelope> envelopes);
  void Apply(std::vector<Entry> committed);

  void HandlePeerMessage(NodeId from, PeerMessage message);
  [[nodiscard]] bool MayStep(const Message& message) const;
  void InstalledAndReset(const SnapshotMeta& meta);
  void KeepLogShort();
  void ReleaseLog();

  [[nodiscard]] bool Refusing() const { return stopping_ || !failure_.ok(); }
  [[nodiscard]] absl::Status RefusalReason() const;
  [[nodiscard]] bool LeaderlessForLong() const;
  // Applier or disk cannot follow: whatever is taken now would only wait in memory.
  [[nodiscard]] bool TooFarBehind() const {
    return backlog_.full() || log_.unpersisted_bytes() > options_.max_unpersisted_bytes;
  }

  const ReplicaOptions options_;
  const NodeId self_;
  const Ports ports_;
  ReplicaMetrics& metrics_;
  const std::uint64_t election_ticks_;
  const std::uint64_t budget_ticks_;
  const std::uint64_t hold_ticks_;  // How long requests are held for want of a leader.

  Core core_;
  LogQueue log_;
  ClientRequests clients_;
  ClusterClock clock_;
  PeerBook peers_;
  LogKeeper log_keeper_;
  SnapshotSender snapshots_;
  Succession succession_;
  ApplyBacklog backlog_;
  Forwards forwards_;           // Arrived since the last turn.
  ReceivedSnapshots received_;  // Stepped into the core since the last turn.

  std::uint64_t tick_ = 0;
  std::optional<NodeId> leader_;        // As of the last turn.
  Term term_;                           // As of the last turn.
  std::uint64_t leaderless_since_ = 0;  // The tick. Meaningful while leader_ is empty.
  std::uint64_t hold_queue_until_ =
      0;  // The core takes no proposals now (a transfer): the tick of the next try.

  std::vector<Envelope> released_;  // Their writes are durable; sent by the next turn.

  bool sent_ = false;  // Something was sent since the last PeerPort::Flush().
  bool stopping_ = false;
  absl::Status failure_;
};

}  // namespace cairn::raft
