#pragma once

#include <absl/status/status.h>

#include "raft/base/types.h"
#include "raft/core/core_state.h"

// Handing the lead over (thesis 3.10).
namespace cairn::raft {

// As Core::TransferLeadership().
absl::Status StartTransfer(CoreState& state, NodeId to);

// `peer` answered: if the lead is being handed to it and it has the whole log, it is told to campaign. Told
// again with each later answer, for the first time may have been lost.
void ContinueTransfer(CoreState& state, NodeId peer);

// The leader told us to campaign.
void HandleTimeoutNow(CoreState& state);

}  // namespace cairn::raft
