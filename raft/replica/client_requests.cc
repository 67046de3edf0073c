#include "raft/replica/client_requests.h"

#include <utility>

#include "raft/base/status.h"

namespace cairn::raft {
namespace {

// Reads that wait are looked through for late ones once in so many ticks.
constexpr std::uint64_t kReadExpiryTicks = 8;

}  // namespace

void ClientRequests::Tick(std::uint64_t tick, std::uint64_t election_ticks, ReplicaMetrics& metrics) {
  proposals.Expire(tick);
  if (tick % kReadExpiryTicks == 0) reads.Expire(tick);
  const std::size_t late = reads.Retry(tick > election_ticks ? tick - election_ticks : 0);
  metrics.slow_read_indexes.fetch_add(late, std::memory_order_relaxed);
  transfers.Expire(tick);
}

void ClientRequests::GiveUpWithoutLeader() {
  proposals.GiveUpWithoutLeader();
  reads.GiveUpWithoutLeader();
}

void ClientRequests::FailAll(const absl::Status& reason) {
  proposals.FailAll(RaftError::kStopped, MessageOf(reason));
  reads.FailAll(RaftError::kStopped, MessageOf(reason));
  transfers.FailAll(RaftError::kStopped, MessageOf(reason));
  for (auto& [change, done] : std::exchange(changes, {})) proposals.Refuse(std::move(done), reason);
}

void ClientRequests::DeliverAnswers(ReplicaMetrics& metrics) {
  for (auto& [done, status] : proposals.TakeAnswers()) {
    metrics.proposals_failed.fetch_add(1, std::memory_order_relaxed);
    std::move(done)(std::move(status));
  }
  for (auto& [done, status] : reads.TakeAnswers()) {
    if (!status.ok()) metrics.reads_failed.fetch_add(1, std::memory_order_relaxed);
    std::move(done)(std::move(status));
  }
  for (auto& [done, status] : transfers.TakeAnswers()) std::move(done)(std::move(status));
}

}  // namespace cairn::raft
