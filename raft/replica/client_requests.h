#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <vector>

#include "raft/core/member_config.h"
#include "raft/replica/group.h"
#include "raft/replica/metrics.h"
#include "raft/replica/options.h"
#include "raft/replica/pending.h"
#include "raft/replica/reads.h"
#include "raft/replica/transfers.h"

namespace cairn::raft {

// All that this node's clients wait for. The parts have rules of their own; here is what is done to all of
// them. Not thread-safe; owned by Replica.
struct ClientRequests {
  struct Change {
    MembershipChange change;
    ProposeDone done;
  };

  explicit ClientRequests(const ReplicaOptions& options)
      : proposals(options.origin,
                  {.count = options.max_pending_proposals, .bytes = options.max_pending_bytes}),
        reads(options.max_pending_reads) {}

  // Answers whose time is up; asks again for reads that were not confirmed within an election timeout.
  void Tick(std::uint64_t tick, std::uint64_t election_ticks, ReplicaMetrics& metrics);
  // There has been no leader for too long.
  void GiveUpWithoutLeader();
  // Everybody is told `reason`, a kStopped.
  void FailAll(const absl::Status& reason);
  // Calls back whoever was answered since the last call; they may ask anew meanwhile.
  void DeliverAnswers(ReplicaMetrics& metrics);

  [[nodiscard]] bool empty() const {
    return proposals.count() == 0 && reads.count() == 0 && transfers.empty() && changes.empty();
  }

  PendingProposals proposals;
  PendingReads reads;
  Transfers transfers;
  std::vector<Change> changes;  // Arrived since the last turn.
};

}  // namespace cairn::raft
