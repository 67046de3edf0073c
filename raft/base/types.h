#pragma once

#include <cstdint>

#include "raft/base/strong.h"

namespace cairn {

// Milliseconds of cluster time: a clock that all members agree on because it travels in the log. It starts at
// 0 with the cluster and never falls. Not wall-clock time.
using ClusterTime = Strong<struct ClusterTimeTag>;

}  // namespace cairn

namespace cairn::raft {

using NodeId = Strong<struct NodeIdTag>;  // A member. Never 0; "no leader" is an empty optional.
using Term = Strong<struct TermTag>;      // 0 before the first election.
using Index = Strong<struct IndexTag>;    // 0 is the empty log's last index; the first entry has 1.
using WriteNumber =
    Strong<struct WriteNumberTag>;  // Counts the storage writes a core asked for since it was made.
using Incarnation = Strong<struct IncarnationTag>;  // Random, made with a data directory; tells a wiped disk
                                                    // from the old one.
using ClusterId = Strong<struct ClusterIdTag>;

}  // namespace cairn::raft
