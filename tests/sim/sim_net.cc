#include "tests/sim/sim_net.h"

#include <memory>

namespace cairn::sim {

void SimNet::Send(raft::NodeId from, raft::NodeId to, raft::PeerMessage message) {
  if (!Connected(from, to) || rng_.Chance(weather_.lost_per_mille, 1000)) return;
  const bool may_double = std::holds_alternative<raft::Message>(message);
  if (may_double && rng_.Chance(weather_.doubled_per_mille, 1000)) Plan(from, to, message);
  Plan(from, to, std::move(message));
}

void SimNet::Plan(raft::NodeId from, raft::NodeId to, raft::PeerMessage message) {
  auto kept = std::make_shared<raft::PeerMessage>(std::move(message));  // std::function wants to copy.
  clock_.After(rng_.Between(weather_.delay_min, weather_.delay_max), [this, from, to, kept] {
    if (Connected(from, to)) deliver_(from, to, std::move(*kept));
  });
}

}  // namespace cairn::sim
