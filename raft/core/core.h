#pragma once

// The consensus core: a pure function of its inputs. See raft/core/README.md.

#include <absl/status/status.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "raft/base/types.h"
#include "raft/core/entry.h"
#include "raft/core/member_config.h"
#include "raft/core/message.h"
#include "raft/core/options.h"
#include "raft/core/output.h"

namespace cairn::raft {

// What a member knows when it starts.
struct RestoredState {
  HardState hard_state;
  // What stands before `entries`: the state machine's snapshot point, or the cluster's beginning. A member
  // that joins begins with the configuration that the cluster began with, as everybody did: the log's entries
  // change it from there, and a snapshot made half-way must have it.
  SnapshotMeta base;
  std::vector<Entry> entries;  // From base.last.index + 1 on, without a gap; all durable.
  Index applied;               // >= base.last.index; known committed, and already in the state machine.
};

enum class RoleName : std::uint8_t { kFollower, kPreCandidate, kCandidate, kLeader };

struct Proposal {
  ProposalId id;
  Payload payload;
};

enum class ProposeRefusal : std::uint8_t { kNone, kNotLeader, kTransferring, kOverloaded };

struct ProposeResult {
  std::size_t accepted = 0;  // The first so many of the batch are in the log; the rest had no effect.
  ProposeRefusal refusal = ProposeRefusal::kNone;
};

struct PeerStatus {
  NodeId id;
  enum class State : std::uint8_t { kProbe, kReplicate, kSnapshot } state;
  Index match;
  Index next;
  bool recently_active;       // Heard from within the last one or two election timeouts.
  bool refuses_acknowledged;  // It lost entries that it had acknowledged: its disk cannot be trusted (R49).
};

struct CoreStatus {
  RoleName role;
  Term term;
  std::optional<NodeId> leader;
  Index commit;
  Index applied;
  EntryId last;
  EntryId first_kept;  // The id before the first entry held in memory.
  ClusterTime time;
  MemberConfig config;
  std::vector<PeerStatus> peers;  // Leader only.
  std::optional<NodeId> transferring_to;
};

struct CoreState;

// One member's consensus. Inputs only change its state; everything it wants done leaves through TakeOutput(),
// which also batches: however many inputs came between two calls, each peer gets as few messages as possible.
//
// Not thread-safe; owned by the replica. The same options, state and inputs give the same outputs.
class Core {
 public:
  Core(const CoreOptions& options, RestoredState restored);
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  // A message from a peer. Messages that no correct peer sends are ignored, never asserted.
  void Step(NodeId from, Message message);

  void Tick();

  // Leader only. `now` is the proposed cluster time; the core raises it to that of the last entry where
  // needed.
  ProposeResult Propose(std::span<Proposal> proposals, ClusterTime now);

  // Any role: answered in Output::reads exactly once per token, possibly as not confirmed.
  void ReadIndex(ReadToken token);

  // Leader only. FailedPrecondition: not leader, a change is under way, or no entry of this term is committed
  // yet (thesis 4.1's bug); InvalidArgument as ApplyChange().
  absl::Status ChangeMembership(ProposalId id, const MembershipChange& change, ClusterTime now);

  // Leader only; see thesis 3.10. InvalidArgument: unknown node, learner. To itself: OK, nothing to do.
  absl::Status TransferLeadership(NodeId to);

  // Every write with a number up to this one is durable. Repeats and late answers do no harm.
  void LogPersisted(WriteNumber write);

  // The state machine has applied everything up to this index.
  void Applied(Index index);

  // The snapshot of Output::install is in the state machine and the log starts after it, both durable.
  void SnapshotInstalled(Index index);

  // The snapshot for `to` was received as a whole at `index`, or (nullopt) could not be sent.
  void SnapshotSent(NodeId to, std::optional<Index> index);

  // Messages to this peer are being lost: go back to probing it.
  void PeerUnreachable(NodeId peer);

  // The stream to this peer broke and the one immediate reconnect was refused or reset. If it is the leader,
  // may start one hinted pre-vote in this term after a small random delay (design 3.1, broken-stream hint).
  void StreamBroken(NodeId peer);

  // Drops entries up to `index` from memory. REQUIRES: index <= applied. Entries that a snapshot in flight
  // needs are the caller's to spare.
  void CompactLog(Index index);

  // Graceful shutdown, or a voter that knows that its leader is dead (R25): forgets the leader; a leader
  // ignores it.
  void ForgetLeader();

  // The log's disk has not answered for long (R27). A leader gives the lead up in its own term, and this
  // member does not campaign until StorageAnswers(): it could not give a vote, not even to itself.
  void StorageStalled();
  void StorageAnswers();

  // All effects since the last call.
  [[nodiscard]] Output TakeOutput();
  // Whether TakeOutput() may return something; it may still turn out to be empty.
  [[nodiscard]] bool HasOutput() const;

  [[nodiscard]] CoreStatus status() const;
  [[nodiscard]] bool is_leader() const;
  [[nodiscard]] std::optional<NodeId> leader() const;
  [[nodiscard]] Term term() const;

 private:
  friend const CoreState& Inspect(const Core& core);

  std::unique_ptr<CoreState> state_;
};

// The whole state, for the invariant checker and for tests (raft/core/core_state.h).
const CoreState& Inspect(const Core& core);

}  // namespace cairn::raft
