#include "raft/replica/snapshot_sender.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "raft/base/probe.h"

namespace cairn::raft {
namespace {

constexpr std::uint64_t kMaxBackOffTimeouts = 64;  // In election timeouts.

}  // namespace

void SnapshotSender::Wanted(NodeId to, Term term, Index flushed, std::uint64_t tick) {
  Transfer& transfer = transfers_[to];
  // The core lost patience with a silent receiver, or there is one left of an earlier lead. The transport
  // says when the transfer has ended, and the core asks again then.
  if (transfer.sending) return;
  if (tick < transfer.next) {
    CAIRN_PROBE("replica_snapshot_backed_off");
    transfer.wanted = true;
    return;
  }
  Start(to, transfer, term, flushed);
}

void SnapshotSender::Start(NodeId to, Transfer& transfer, Term term, Index flushed) {
  transfer.wanted = false;
  transfer.sending = true;
  // The image is opened later, so it is at this index or above: what follows it is what the receiver needs.
  log_.Pin(to, flushed);
  peers_.SendSnapshot(to, term);
}

void SnapshotSender::Ended(NodeId to, Outcome outcome, std::uint64_t tick) {
  const auto found = transfers_.find(to);
  if (found == transfers_.end()) return;
  Transfer& transfer = found->second;
  if (transfer.cancelled) {
    transfers_.erase(found);
    return;
  }
  transfer.sending = false;
  // Until the receiver has caught up (Tick), a transfer that was received may still prove to be too old.
  transfer.back_off =
      std::clamp(transfer.back_off * 2, election_ticks_, election_ticks_ * kMaxBackOffTimeouts);
  transfer.next = tick + transfer.back_off;
  if (outcome == Outcome::kReceived) {
    metrics_.snapshots_sent.fetch_add(1, std::memory_order_relaxed);
  } else {
    metrics_.snapshots_failed.fetch_add(1, std::memory_order_relaxed);
    log_.Unpin(to);
  }
}

void SnapshotSender::Cancel(NodeId to, Transfer& transfer) {
  if (std::exchange(transfer.cancelled, true)) return;
  peers_.CancelSnapshot(to);
}

void SnapshotSender::Tick(const std::vector<PeerStatus>& peers, Term term, Index flushed,
                          std::uint64_t tick) {
  for (const NodeId to : log_.OverdrawnPins()) {
    CAIRN_PROBE("replica_snapshot_aborted");
    log_.Unpin(to);
    peers_.CancelSnapshot(to);
  }
  for (auto it = transfers_.begin(); it != transfers_.end();) {
    auto& [to, transfer] = *it;
    const auto peer = std::ranges::find(peers, to, &PeerStatus::id);
    const auto pin = log_.pins().find(to);
    const bool member = peer != peers.end();
    const bool caught_up = member && peer->state == PeerStatus::State::kReplicate && !transfer.sending &&
                           (pin == log_.pins().end() || peer->match >= pin->second);
    if (!member || caught_up) log_.Unpin(to);
    if (!member && transfer.sending) Cancel(to, transfer);
    it = caught_up || (!member && !transfer.sending) ? transfers_.erase(it) : std::next(it);
  }
  for (auto& [to, transfer] : transfers_) {
    if (transfer.wanted && tick >= transfer.next) Start(to, transfer, term, flushed);
  }
}

void SnapshotSender::Stop() {
  std::erase_if(transfers_, [](const auto& entry) { return !entry.second.sending; });
  for (auto& [to, transfer] : transfers_) Cancel(to, transfer);
  log_.UnpinAll();
}

}  // namespace cairn::raft
