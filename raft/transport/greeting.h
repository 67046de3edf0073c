#pragma once

#include <absl/status/status.h>

#include <optional>

#include "raft/base/types.h"
#include "raft/transport/frame.h"

namespace cairn::raft {

// Who this node is.
struct Identity {
  ClusterId cluster;
  NodeId self;
  Incarnation incarnation;
};

// What is known about whoever says that it is `hello.member`.
struct KnownMember {
  bool is_peer = false;                    // In the membership, and not this node.
  std::optional<Incarnation> incarnation;  // Empty: it has not introduced itself yet.
};

Hello Introduce(const Identity& self, NodeId receiver);

// Whether to talk to the sender of `hello`. FailedPrecondition with a sentence that both sides can log:
// another protocol or cluster, addressed to somebody else, not a peer, or a known member with another
// incarnation, that is, without the votes and entries it has promised to keep.
absl::Status CheckHello(const Identity& self, const Hello& hello, const KnownMember& known);

}  // namespace cairn::raft
