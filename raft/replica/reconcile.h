#pragma once

#include <absl/status/statusor.h>

#include "raft/core/core.h"
#include "raft/log/segmented_log.h"

namespace cairn::raft {

// What a core restarts from, given what the log and the state machine each kept.
//
// Committed entries may be applied before they are durable in this node's own log (design 3.1, asynchronous
// storage), so after a crash the state can be ahead of the log, or stand at an entry in whose place the log
// still has another one. Then the log restarts after the state's last entry; term and vote stay.
//
// DataLoss: the log begins after the state, which no crash explains; nothing was changed. An error of `log`
// is passed on. To be called before the replica is built.
absl::StatusOr<RestoredState> Reconcile(LogContents contents, const SnapshotMeta& state, SegmentedLog& log);

}  // namespace cairn::raft
