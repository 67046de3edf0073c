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

  // The membership is in the log, not committed: adds.
  void Appended(const Membership& membership);

  // The membership is committed, or came with a snapshot: adds and drops.
  void Committed(const Membership& membership);

 private:
  void Learn(const Membership& membership);
  void Tell();

  const NodeId self_;
  PeersOf peers_of_;
  PeerPort& port_;
  std::map<NodeId, PeerPort::Peer> peers_;
};

}  // namespace cairn::raft
