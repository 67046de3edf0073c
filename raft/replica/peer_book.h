#pragma once

#include <map>
#include <vector>

#include "raft/base/types.h"
#include "raft/core/core.h"
#include "raft/core/member_config.h"
#include "raft/replica/ports.h"

namespace cairn::raft {

// Keeps the transport connected to whom the core may have to talk to.
//
// A configuration is in force from when it is in the log, so a member is connected then; one that leaves is
// disconnected only when its removal is committed (until then it may have to vote, and the change may be
// undone by a truncation). An address stays known while its member stays, even if a later entry forgets it.
// Not thread-safe; owned by Replica.
class PeerBook {
 public:
  PeerBook(NodeId self, PeersOf peers_of, PeerPort& port)
      : self_(self), peers_of_(std::move(peers_of)), port_(port) {}

  // At start: what is committed, and what the rest of the log puts into force.
  void Restored(const RestoredState& restored);

  // The membership is in the log at `at`, in place of what was there and behind it, not committed: adds.
  void Appended(Index at, const Membership& membership);

  // The membership at `at` is committed: adds and drops; but whom a later one in the log needs, stays.
  void Committed(Index at, const Membership& membership);

  // A snapshot with this membership replaced the log: adds and drops.
  void Installed(const Membership& membership);

  // What PeersOf() tells of the members of `config` without an entry of theirs, their incarnations above all,
  // has changed.
  void Refresh(const MemberConfig& config);

 private:
  void Learn(const Membership& membership);
  void DropAllBut(const MemberConfig& config);
  void Tell();

  const NodeId self_;
  PeersOf peers_of_;
  PeerPort& port_;
  std::map<NodeId, PeerPort::Peer> peers_;
  std::map<Index, MemberConfig> appended_;  // In the log, not committed.
};

}  // namespace cairn::raft
