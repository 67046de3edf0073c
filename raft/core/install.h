#pragma once

#include <optional>

#include "raft/base/types.h"
#include "raft/core/core_state.h"
#include "raft/core/message.h"

// Snapshots (Raft §7): a follower that lacks what the leader's log no longer has gets the state instead.
namespace cairn::raft {

// REQUIRES: the sender leads the current term.
void HandleInstallSnapshot(CoreState& state, NodeId from, const InstallSnapshot& request);

// As Core::SnapshotInstalled().
void FinishInstall(CoreState& state, Index index);

// As Core::SnapshotSent().
void HandleSnapshotSent(CoreState& state, NodeId to, std::optional<Index> index);

}  // namespace cairn::raft
