#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "raft/base/types.h"
#include "raft/core/message.h"

namespace cairn::raft {

// Somebody waits for a read index: this node, or a follower that forwarded its reads as one.
struct PendingRead {
  std::optional<NodeId> from;  // Empty: asked for on this node.
  ReadToken token;
};

// A leader's reads (thesis 6.4). One confirmation round is under way at a time; reads that arrive meanwhile
// share the next one, so that their number costs nothing on the wire (R91).
class ReadQueue {
 public:
  explicit ReadQueue(std::size_t max_reads) : max_reads_(max_reads) {}

  // False if full: nothing happened.
  bool Add(PendingRead read);

  // Begins a round for everything that waits, with the commit index of now. False if there is nothing to do:
  // no read waits, or a round is under way. REQUIRES: an entry of the leader's own term is committed (R89).
  bool StartRound(Index commit);

  struct Confirmed {
    Index index;
    std::vector<PendingRead> reads;
  };
  // A majority answered round `round` or a later one. Empty if that is not the round under way.
  Confirmed Confirm(ReadRound round);

  // The lead is lost: all reads there are, none of them confirmed.
  std::vector<PendingRead> TakeAll();

  [[nodiscard]] ReadRound round() const { return round_; }  // The latest begun; goes into every heartbeat.
  [[nodiscard]] bool round_under_way() const { return !confirming_.empty(); }
  [[nodiscard]] bool waiting() const { return !waiting_.empty(); }
  [[nodiscard]] std::size_t size() const { return confirming_.size() + waiting_.size(); }

 private:
  std::size_t max_reads_;
  ReadRound round_;
  Index index_;                          // The commit index when round_ began.
  std::vector<PendingRead> confirming_;  // In round_.
  std::vector<PendingRead> waiting_;     // For the next round.
};

}  // namespace cairn::raft
