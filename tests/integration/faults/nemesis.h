#pragma once

#include <absl/status/status.h>

#include <vector>

#include "tests/integration/faults/cluster.h"
#include "tests/integration/faults/key_board.h"
#include "tests/integration/faults/load.h"

namespace cairn::faults {

// What is done to the nodes, while the load runs. Main thread only. An error means that the cluster did not
// come back, or was interrupted.

// Nodes are killed in turn. Before each restart the others must have acknowledged writes; after it the node
// must serve.
absl::Status RollingKills(Cluster& cluster, const KeyBoard& board, int kills);

// All nodes at once, and all started again.
absl::Status KillAll(Cluster& cluster, const KeyBoard& board, int rounds);

// Leaders are killed, or stopped and continued. The result is, per kill, the time from the signal to the
// first acknowledgement of a write that began after it, in milliseconds.
absl::Status Failover(Cluster& cluster, const KeyBoard& board, Verdict& verdict, int kills, int signal,
                      std::vector<double>& times);

}  // namespace cairn::faults
