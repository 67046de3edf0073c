#include "raft/replica/forwards.h"

#include <algorithm>
#include <cstddef>
#include <iterator>

#include "raft/base/probe.h"

namespace cairn::raft {

std::vector<Forwards::Refusal> Forwards::ProposeTo(Core& core, ClusterTime now, Room room) {
  std::vector<Refusal> refusals;
  for (auto& [from, batch] : std::exchange(arrived_, {})) {
    std::vector<Proposal> proposals;
    proposals.reserve(batch.proposals.size());
    for (auto& [id, payload] : batch.proposals)
      proposals.push_back({.id = id, .payload = std::move(payload)});
    std::vector<ProposalId> ids;
    ids.reserve(proposals.size());
    std::ranges::transform(proposals, std::back_inserter(ids), &Proposal::id);

    // Each was sent once and names the term: whoever leads in another cannot know what the sender hopes for.
    ProposeResult result{.accepted = 0, .refusal = ProposeRefusal::kNotLeader};
    if (core.is_leader() && core.term() == batch.term) {
      result.refusal = ProposeRefusal::kOverloaded;
      if (room == Room::kEnough) result = core.Propose(proposals, now);
    }
    if (result.accepted == ids.size()) continue;
    CAIRN_PROBE("replica_forward_refused");
    ids.erase(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(result.accepted));
    refusals.push_back({.to = from,
                        .refused = {.term = batch.term,
                                    .proposals = std::move(ids),
                                    .overloaded = result.refusal == ProposeRefusal::kOverloaded}});
  }
  return refusals;
}

}  // namespace cairn::raft
