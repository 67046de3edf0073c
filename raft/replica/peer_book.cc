#include "raft/replica/peer_book.h"

#include <utility>

namespace cairn::raft {

void PeerBook::Restored(const RestoredState& restored) {
  Committed({.config = restored.base.config, .context = {}});
  for (const Entry& entry : restored.entries) {
    if (entry.kind != EntryKind::kMembership || entry.id.index <= restored.applied) continue;
    if (const auto membership = DecodeMembership(entry.payload.bytes()); membership.ok())
      Appended(*membership);
  }
}

void PeerBook::Appended(const Membership& membership) {
  Learn(membership);
  Tell();
}

void PeerBook::Committed(const Membership& membership) {
  Learn(membership);
  std::erase_if(peers_, [&](const auto& peer) { return !membership.config.Contains(peer.first); });
  Tell();
}

void PeerBook::Learn(const Membership& membership) {
  for (PeerPort::Peer& peer : peers_of_(membership)) {
    if (peer.id == self_) continue;
    const NodeId id = peer.id;
    peers_.insert_or_assign(id, std::move(peer));
  }
}

void PeerBook::Tell() {
  std::vector<PeerPort::Peer> peers;
  peers.reserve(peers_.size());
  for (const auto& [id, peer] : peers_) peers.push_back(peer);
  port_.SetPeers(std::move(peers));
}

}  // namespace cairn::raft
