#include "raft/transport/greeting.h"

#include <fmt/format.h>

#include "raft/transport/sabotage.h"
namespace cairn::raft {

Hello Introduce(const Identity& self, NodeId receiver) {
  return {.protocol = Hello::kProtocol,
          .cluster = self.cluster,
          .member = self.self,
          .receiver = receiver,
          .incarnation = self.incarnation};
}

absl::Status CheckHello(const Identity& self, const Hello& hello, const KnownMember& known) {
  if (hello.protocol != Hello::kProtocol) {
    return absl::FailedPreconditionError(fmt::format(
        "member {:x} speaks version {} of the peer protocol and member {:x} version {}: run versions of "
        "cairn that go together",
        hello.member, hello.protocol, self.self, Hello::kProtocol));
  }
  if (!Broken(TransportRule::kSameCluster) && hello.cluster != self.cluster) {
    return absl::FailedPreconditionError(fmt::format(
        "member {:x} belongs to cluster {:x} and member {:x} to cluster {:x}: the peer URLs of one of "
        "them lead to the wrong cluster, or its data directory is another cluster's",
        hello.member, hello.cluster, self.self, self.cluster));
  }
  if (hello.receiver != self.self) {
    return absl::FailedPreconditionError(
        fmt::format("member {:x} looks for member {:x} where member {:x} listens: check the peer URLs",
                    hello.member, hello.receiver, self.self));
  }
  if (!known.is_peer) {
    return absl::FailedPreconditionError(fmt::format(
        "member {:x} is not a peer in the membership that member {:x} knows: add it to the cluster "
        "first; if it was removed, give it a new data directory and add it anew",
        hello.member, self.self));
  }
  if (!Broken(TransportRule::kSameIncarnation) && known.incarnation &&
      *known.incarnation != hello.incarnation) {
    return absl::FailedPreconditionError(fmt::format(
        "member {:x} lost its data (its incarnation is {:x}, member {:x} knows it with {:x}): remove it and "
        "add "
        "it anew; if this cluster has never had a leader, empty the data directories of all members",
        hello.member, hello.incarnation, self.self, *known.incarnation));
  }
  return absl::OkStatus();
}

}  // namespace cairn::raft
