#pragma once

#include <absl/functional/function_ref.h>

#include <cstdint>
#include <map>

#include "raft/base/types.h"
#include "raft/core/member_config.h"

namespace cairn::raft {

enum class VoteOutcome : std::uint8_t { kPending, kWon, kLost };

// The greatest number that a majority of the voters has reached, `reached` saying how far each has come. In a
// joint configuration: majorities of both halves (thesis 4.3). 0 if there is no voter at all.
std::uint64_t QuorumReached(const MemberConfig& config, absl::FunctionRef<std::uint64_t(NodeId)> reached);

// Whether a majority (joint: of both halves) satisfies `yes`.
bool QuorumAgrees(const MemberConfig& config, absl::FunctionRef<bool(NodeId)> yes);

// What the votes received so far amount to. Votes of nodes that are no voters do not count; who has not
// answered may still say either.
VoteOutcome CountVotes(const MemberConfig& config, const std::map<NodeId, bool>& votes);

}  // namespace cairn::raft
