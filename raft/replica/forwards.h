#pragma once

#include <utility>
#include <vector>

#include "raft/core/core.h"
#include "raft/replica/ports.h"

namespace cairn::raft {

// Proposals of other members' clients, on their way into our log. Not thread-safe; owned by Replica.
class Forwards {
 public:
  struct Refusal {
    NodeId to;
    ForwardRefused refused;
  };
  enum class Room : bool { kFull, kEnough };  // In this node's memory.

  void Add(NodeId from, ForwardedProposals batch) {
    arrived_.push_back({.from = from, .batch = std::move(batch)});
  }
  [[nodiscard]] bool empty() const { return arrived_.empty(); }

  // Gives what has arrived to the core, if it leads in the term that a batch names. The rest is in no log,
  // and whoever sent it must be told so.
  [[nodiscard]] std::vector<Refusal> ProposeTo(Core& core, ClusterTime now, Room room);

 private:
  struct Arrived {
    NodeId from;
    ForwardedProposals batch;
  };
  std::vector<Arrived> arrived_;
};

}  // namespace cairn::raft
