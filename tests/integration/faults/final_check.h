#pragma once

#include "tests/integration/faults/cluster.h"
#include "tests/integration/faults/key_board.h"
#include "tests/integration/faults/verdict.h"

namespace cairn::faults {

// When the load is over and all nodes run: the store's revision, by a linearizable read.
absl::StatusOr<std::int64_t> FinalRevision(Cluster& cluster);

// Every node by itself (serializable reads) has every acknowledged write, nothing that was never attempted,
// and the same as the others; HashKV at `revision` is the same everywhere. What is wrong goes to the verdict.
// Returns how many keys there are.
std::int64_t CheckNodes(Cluster& cluster, const KeyBoard& board, std::int64_t revision, Verdict& verdict);

}  // namespace cairn::faults
