#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "raft/base/types.h"
#include "raft/core/core.h"
#include "raft/replica/log_keeper.h"
#include "raft/replica/metrics.h"
#include "raft/replica/ports.h"

namespace cairn::raft {

// The snapshots that this leader sends: keeps the log behind each until its receiver has caught up, gives up
// one for which too much would have to be kept, and lets time pass before the next try at the same peer,
// longer each time, so that a transfer that cannot succeed is not repeated for ever at full speed. Not
// thread-safe; owned by Replica.
class SnapshotSender {
 public:
  SnapshotSender(PeerPort& peers, LogKeeper& log, ReplicaMetrics& metrics, std::uint64_t election_ticks)
      : peers_(peers), log_(log), metrics_(metrics), election_ticks_(election_ticks) {}

  // The core wants one sent to `to`; the state on stable storage stands at `flushed`.
  void Wanted(NodeId to, Term term, Index flushed, std::uint64_t tick);

  // The transfer ended. A receiver that has it all still needs what follows in the log.
  enum class Outcome : std::uint8_t { kReceived, kFailed };
  void Ended(NodeId to, Outcome outcome, std::uint64_t tick);

  // `peers`: the leader's view of its followers, now.
  void Tick(const std::vector<PeerStatus>& peers, Term term, Index flushed, std::uint64_t tick);

  // Nothing to send any more: this node does not lead. What is under way is cancelled and remembered until
  // its answer: a later lead does not begin another transfer to the same peer before, or would take that
  // answer for the new one's.
  void Stop();

  [[nodiscard]] bool idle() const { return transfers_.empty(); }

 private:
  // Legal combinations: under way (`sending`, perhaps `cancelled`), received and catching up (none), waiting
  // (`wanted` at `next`).
  struct Transfer {
    bool sending = false;
    bool cancelled = false;  // For good: what it is answered concerns nobody.
    bool wanted = false;
    std::uint64_t next = 0;      // The tick before which no new transfer starts.
    std::uint64_t back_off = 0;  // Ticks; 0 before the first failure.
  };

  void Start(NodeId to, Transfer& transfer, Term term, Index flushed);
  // Once.
  void Cancel(NodeId to, Transfer& transfer);

  PeerPort& peers_;
  LogKeeper& log_;
  ReplicaMetrics& metrics_;
  const std::uint64_t election_ticks_;
  std::map<NodeId, Transfer> transfers_;
};

}  // namespace cairn::raft
