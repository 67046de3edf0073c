#include "raft/replica/peer_book.h"

#include <algorithm>
#include <utility>

namespace cairn::raft {

void PeerBook::Restored(const RestoredState& restored) {
  Installed({.config = restored.base.config, .context = {}});
  for (const Entry& entry : restored.entries) {
    if (entry.kind != EntryKind::kMembership || entry.id.index <= restored.applied) continue;
    if (const auto membership = DecodeMembership(entry.payload.bytes()); membership.ok())
      Appended(entry.id.index, *membership);
  }
}

void PeerBook::Appended(Index at, const Membership& membership) {
  appended_.erase(appended_.lower_bound(at), appended_.end());
  appended_.emplace(at, membership.config);
  Learn(membership);
  Tell();
}

void PeerBook::Committed(Index at, const Membership& membership) {
  appended_.erase(appended_.begin(), appended_.upper_bound(at));
  Learn(membership);
  DropAllBut(membership.config);
  Tell();
}

void PeerBook::Installed(const Membership& membership) {
  appended_.clear();
  Learn(membership);
  DropAllBut(membership.config);
  Tell();
}

void PeerBook::Refresh(const MemberConfig& config) {
  Learn({.config = config, .context = {}});
  Tell();
}

void PeerBook::DropAllBut(const MemberConfig& config) {
  std::erase_if(peers_, [&](const auto& peer) {
    const NodeId id = peer.first;
    return !config.Contains(id) && std::ranges::none_of(appended_, [&](const auto& appended) {
      return appended.second.Contains(id);
    });
  });
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
