#pragma once

#include <absl/status/status.h>

#include "raft/base/types.h"
#include "raft/core/core_state.h"
#include "raft/core/entry.h"
#include "raft/core/member_config.h"

// Changing who is a member (thesis 4). A configuration is in force from the moment its entry is in the log.
namespace cairn::raft {

// As Core::ChangeMembership().
absl::Status ProposeMembership(CoreState& state, ProposalId id, const MembershipChange& change,
                               ClusterTime now);

// After each commit: leaves a joint configuration that is committed (R76), and gives up the lead if a
// committed configuration does not have us as a voter (R72). REQUIRES: leader; may not lead afterwards.
void SettleMembership(CoreState& state);

}  // namespace cairn::raft
