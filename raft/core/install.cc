#include "raft/core/install.h"

#include <algorithm>
#include <utility>

#include "raft/base/assert.h"
#include "raft/base/probe.h"
#include "raft/core/append_handler.h"

namespace cairn::raft {
namespace {

// A member learns from the log that it was removed, not from a snapshot that never heard of it (R61). One
// whose addition is not committed yet takes what it gets: the entry that adds it follows, and may need its
// vote to commit.
bool WouldExpelUs(const CoreState& state, const SnapshotMeta& meta) {
  return !meta.config.Contains(state.self()) && state.configs.At(state.log.commit()).Contains(state.self());
}

}  // namespace

void HandleInstallSnapshot(CoreState& state, NodeId from, const InstallSnapshot& request) {
  if (state.installing) return;
  const SnapshotMeta& meta = request.meta;
  state.time = std::max(state.time, meta.time);
  if (meta.last.index <= state.log.commit() || WouldExpelUs(state, meta)) {
    // Nothing to gain; but the leader should know what we have (R58).
    CAIRN_PROBE("snapshot_ignored");
    return AcknowledgeUpTo(state, from, state.log.commit());
  }
  if (state.log.Matches(meta.last)) {
    // The log has it all and more: only the commit index is news (R59).
    CAIRN_PROBE("snapshot_in_log");
    state.log.Commit(meta.last.index);
    return AcknowledgeUpTo(state, from, meta.last.index);
  }
  state.installing = meta;
  state.outbox.Install(meta);
}

void FinishInstall(CoreState& state, Index index) {
  CAIRN_ASSERT(state.installing.has_value(), "no snapshot is being installed: index={}", index);
  SnapshotMeta meta = *std::exchange(state.installing, std::nullopt);
  CAIRN_ASSERT(meta.last.index == index, "index={} asked={}", index, meta.last.index);
  // What the log held is gone as a whole: its tail conflicts with the snapshot, or ends before it (R60).
  state.log.Restart(meta.last, meta.time);
  state.configs.Restart(index, std::move(meta.config));
  state.writes.Restart(index);
  state.handed_out = index;
  state.applied = index;
  // To whoever leads by now: what is in a snapshot is committed, so every later leader has it, too.
  if (const auto leader = state.known_leader()) AcknowledgeUpTo(state, *leader, index);
}

void HandleSnapshotSent(CoreState& state, NodeId to, std::optional<Index> index) {
  Leader* leader = state.leader();
  if (leader == nullptr) return;
  const auto peer = leader->peers.find(to);
  if (peer == leader->peers.end()) return;
  if (index) {
    peer->second.OnSnapshotReceived(*index);
  } else {
    peer->second.OnSnapshotFailed();
  }
  leader->flush_due = true;
}

}  // namespace cairn::raft
