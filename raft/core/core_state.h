#pragma once

#include <optional>

#include "raft/base/rng.h"
#include "raft/base/types.h"
#include "raft/core/config_history.h"
#include "raft/core/core.h"
#include "raft/core/election_timer.h"
#include "raft/core/forwarded_reads.h"
#include "raft/core/log_view.h"
#include "raft/core/message.h"
#include "raft/core/options.h"
#include "raft/core/outbox.h"
#include "raft/core/role.h"
#include "raft/core/write_tracker.h"

namespace cairn::raft {

// Everything a core knows. The rules of Raft are functions over it, one file per subject: election.h,
// append_handler.h, replication.h, reads.h, membership.h, transfer.h, install.h. What has invariants of its
// own is a class of its own; what is left here is held together by invariants.h.
struct CoreState {
  CoreState(const CoreOptions& core_options, RestoredState restored);

  const CoreOptions options;
  Rng rng;

  Term term;                     // Never falls.
  std::optional<NodeId> vote;    // In `term`; changes only from empty.
  HardState written_hard_state;  // What the disk was last asked to write.

  LogView log;
  ConfigHistory configs;  // Follows the log entry by entry.
  WriteTracker writes;
  Index handed_out;  // Committed entries up to here left in an Output. Invariant: applied <= handed_out.
  Index applied;     // Invariant: <= log.commit().
  ClusterTime time;  // The greatest seen in an entry, a heartbeat or a proposal. Never falls.

  Role role;
  ElectionTimer timer;  // Silence of the leader; unused while leading.
  // The last term in which a broken stream made this node ask for a pre-vote: once per term is enough to be
  // fast, and a flapping network must not turn the hint into a storm of elections.
  std::optional<Term> hinted_in;

  bool storage_stalled = false;  // Nobody leads or campaigns whose disk hangs (R27).

  ForwardedReads forwarded_reads;          // Of a follower that knows its leader; else empty.
  std::optional<SnapshotMeta> installing;  // Handed to the replica, not installed yet: no entries meanwhile.
  Outbox outbox;

  [[nodiscard]] NodeId self() const { return options.self; }
  [[nodiscard]] const MemberConfig& config() const { return configs.in_force(); }
  [[nodiscard]] Leader* leader() { return std::get_if<Leader>(&role); }
  [[nodiscard]] const Leader* leader() const { return std::get_if<Leader>(&role); }
  [[nodiscard]] Follower* follower() { return std::get_if<Follower>(&role); }
  [[nodiscard]] const Follower* follower() const { return std::get_if<Follower>(&role); }
  [[nodiscard]] std::optional<NodeId> known_leader() const;

  // Appends and keeps the configurations in step. REQUIRES: as LogView::Append(); a kMembership payload
  // decodes.
  void AppendEntry(Entry entry);
  void TruncateLog(Index from);
};

}  // namespace cairn::raft
