#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <utility>
#include <variant>

#include "raft/base/types.h"
#include "raft/core/progress.h"
#include "raft/core/read_queue.h"

namespace cairn::raft {

// What a member is at the moment (Raft §5.1, and the pre-candidate of thesis 9.6). What only one role knows
// lives in that role and dies with it.

struct Follower {
  std::optional<NodeId> leader;  // Who leads the current term, as far as known.

  // The stream to `leader` broke and its one immediate reconnect was refused: the leader's process is
  // probably gone. Then having heard from it a moment ago is no reason to refuse others who saw the same.
  bool leader_stream_broken = false;
  std::optional<int> hint_countdown =
      std::nullopt;  // Ticks until the hinted pre-vote. Only if leader_stream_broken.
};

struct PreCandidate {
  std::map<NodeId, bool> votes;  // For an election in the next term; our own included.
};

struct Candidate {
  std::map<NodeId, bool> votes;  // In the current term; our own only once it is on stable storage (R11).
  WriteNumber self_vote{};       // The write that stores it.
};

struct Transfer {
  NodeId to;
  int ticks = 0;  // Since it was asked for; given up after an election timeout (R99).
};

struct Leader {
  explicit Leader(std::size_t max_pending_reads) : reads(max_pending_reads) {}

  std::map<NodeId, Progress> peers;  // Everybody in the configuration in force but ourselves.
  ReadQueue reads;
  std::optional<Transfer> transfer = std::nullopt;
  std::size_t uncommitted_bytes = 0;  // Of payload in the log beyond the commit index.
  int heartbeat_ticks = 0;            // Since the last heartbeat.
  int quorum_ticks = 0;               // Since the last quorum check.
  bool flush_due = true;              // Something may have to be sent to peers at the next TakeOutput().
};

using Role = std::variant<Follower, PreCandidate, Candidate, Leader>;

}  // namespace cairn::raft
