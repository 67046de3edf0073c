#pragma once

#include <absl/functional/any_invocable.h>
#include <absl/status/status.h>

#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "raft/core/core.h"
#include "raft/core/member_config.h"
#include "raft/log/segmented_log.h"
#include "raft/replica/group.h"
#include "raft/replica/metrics.h"
#include "raft/replica/options.h"
#include "raft/replica/ports.h"

namespace cairn::raft {

// A replica with threads: one for the replica itself (core, hand-over, ticks), one that writes the log, one
// that applies. Everything above Raft uses it as a Group, everything beside it (transport) as ReplicaEvents.
//
//   ReplicaRuntime runtime(options, restored, std::move(log), machine, peers_of, on_fatal);
//   Transport transport(..., runtime);     // May call ReplicaEvents at once: events wait for Start().
//   runtime.Start(transport);
//   ...
//   runtime.Stop({.hand_over = true});     // Then the transport may stop, then the state machine may go.
//
// Thread-safe. A callback given to Propose() or ReadBarrier() is called exactly once, at the latest before
// Stop() returns, from the applier's or the replica's thread; what comes after Stop() is refused at once,
// from the caller's.
class ReplicaRuntime final : public Group, public ReplicaEvents {
 public:
  // Called at most once, from one of the runtime's threads, when the node cannot go on (fsync failed, apply
  // failed). Requests are refused from then on. It must not call Stop() itself. The last writes of the log
  // are done by Stop(); if they fail, the call comes from there.
  using FatalCallback = absl::AnyInvocable<void(const absl::Status&)>;

  struct StopOptions {
    // Hand leadership to the most up-to-date follower first, and let requests in flight finish.
    bool hand_over = true;
    // For all of that; what is not finished by then is answered kStopped.
    std::chrono::milliseconds patience{2000};
  };

  // `restored` comes from Reconcile(). `machine` must outlive the runtime.
  ReplicaRuntime(const ReplicaOptions& options, RestoredState restored, std::unique_ptr<SegmentedLog> log,
                 StateMachine& machine, PeersOf peers_of, FatalCallback on_fatal);
  ~ReplicaRuntime() override;  // Stop({.hand_over = false}).

  // Starts the threads. `peers` must outlive the last event. The first thing it hears is SetPeers(). Once.
  void Start(PeerPort& peers);

  // Blocks until all threads are joined. Events that come later are dropped, forwarded proposals refused. A
  // second call does nothing.
  void Stop(StopOptions options);

  [[nodiscard]] const ReplicaMetrics& metrics() const;

  // Leader only; `done` hears what became of the entry, or FailedPrecondition / InvalidArgument as
  // Core::ChangeMembership() says.
  void ChangeMembership(MembershipChange change, ProposeDone done);

  // PeersOf() would answer something else now, though the membership is the same: asks it anew.
  void PeersChanged();

  // The term of status(), for whoever needs no more: costs no lock.
  [[nodiscard]] Term term() const;

  // Group.
  void Propose(Payload command, ProposeDone done) override;
  void ReadBarrier(ReadDone done) override;
  [[nodiscard]] GroupStatus status() const override;
  [[nodiscard]] bool has_leader() const override;
  void TransferLeadership(std::optional<NodeId> to, absl::AnyInvocable<void(absl::Status)> done) override;

  // ReplicaEvents.
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

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cairn::raft
