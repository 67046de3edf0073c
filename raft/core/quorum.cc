#include "raft/core/quorum.h"

#include <absl/container/inlined_vector.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "raft/base/assert.h"

namespace cairn::raft {
namespace {

std::uint64_t MajorityReached(const std::vector<NodeId>& voters,
                              absl::FunctionRef<std::uint64_t(NodeId)> reached) {
  CAIRN_ASSERT(!voters.empty(), "a quorum of nobody");
  absl::InlinedVector<std::uint64_t, 9> values(voters.size());
  std::transform(voters.begin(), voters.end(), values.begin(), reached);
  // The (n/2+1)-th greatest: so many, a majority, have come at least that far.
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end(), std::greater<>());
  return *middle;
}

VoteOutcome CountHalf(const std::vector<NodeId>& voters, const std::map<NodeId, bool>& votes) {
  std::size_t granted = 0;
  std::size_t refused = 0;
  for (const NodeId id : voters) {
    const auto vote = votes.find(id);
    if (vote == votes.end()) continue;
    ++(vote->second ? granted : refused);
  }
  const std::size_t majority = voters.size() / 2 + 1;
  if (granted >= majority) return VoteOutcome::kWon;
  return voters.size() - refused < majority ? VoteOutcome::kLost : VoteOutcome::kPending;
}

}  // namespace

std::uint64_t QuorumReached(const MemberConfig& config, absl::FunctionRef<std::uint64_t(NodeId)> reached) {
  if (config.voters.empty()) return 0;
  const std::uint64_t incoming = MajorityReached(config.voters, reached);
  return config.joint() ? std::min(incoming, MajorityReached(config.outgoing, reached)) : incoming;
}

bool QuorumAgrees(const MemberConfig& config, absl::FunctionRef<bool(NodeId)> yes) {
  return QuorumReached(config, [&](NodeId id) { return std::uint64_t{yes(id)}; }) == 1;
}

VoteOutcome CountVotes(const MemberConfig& config, const std::map<NodeId, bool>& votes) {
  const VoteOutcome incoming = CountHalf(config.voters, votes);
  if (!config.joint()) return incoming;
  const VoteOutcome outgoing = CountHalf(config.outgoing, votes);
  if (incoming == VoteOutcome::kLost || outgoing == VoteOutcome::kLost) return VoteOutcome::kLost;
  if (incoming == VoteOutcome::kWon && outgoing == VoteOutcome::kWon) return VoteOutcome::kWon;
  return VoteOutcome::kPending;
}

}  // namespace cairn::raft
