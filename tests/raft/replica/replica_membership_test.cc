#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "raft/replica/replica.h"
#include "tests/raft/replica/one_replica.h"

namespace cairn::raft {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

constexpr NodeId kPeer = OneReplica::kPeer;
constexpr NodeId kOther = OneReplica::kOther;

TEST(Replica, ANewMemberIsConnectedWhenItsEntryIsInTheLogAndARemovedOneDroppedWhenThatIsCommitted) {
  OneReplica node;
  const auto ids = [&] {
    std::vector<std::uint64_t> found;
    for (const PeerPort::Peer& peer : node.peers.peers) found.push_back(peer.id.value());
    return found;
  };
  node.Lead();
  EXPECT_THAT(ids(), ElementsAre(2, 3));

  const auto added =
      node.Change({.steps = {{.kind = MembershipStep::Kind::kAddLearner, .id = NodeId{4}}}, .context = "c"});
  node.Turn();
  EXPECT_THAT(ids(), ElementsAre(2, 3, 4));
  node.AcknowledgeAll();
  node.Settle();
  EXPECT_TRUE(added->status.ok()) << added->status;

  const auto removed =
      node.Change({.steps = {{.kind = MembershipStep::Kind::kRemove, .id = kOther}}, .context = "c"});
  node.Turn();
  EXPECT_THAT(ids(), ElementsAre(2, 3, 4));
  node.AcknowledgeAll();
  node.Settle();
  EXPECT_TRUE(removed->status.ok()) << removed->status;
  EXPECT_THAT(ids(), ElementsAre(2, 4));
}

// The second change is asked for in the turn that sees the first one committed: its entry is in the log
// before the first one's is handed to the applier.
TEST(Replica, ACommittedChangeDisconnectsNobodyWhomTheNextOneNeeds) {
  OneReplica node;
  node.Lead();
  node.Change({.steps = {{.kind = MembershipStep::Kind::kAddLearner, .id = NodeId{4}}}, .context = "c"});
  node.Turn();
  node.replica.OnPeerMessages(
      kPeer, {Message{.term = node.term(), .body = AppendReply{.accepted = true, .match = node.last()}}});
  node.replica.OnPeerMessages(
      kOther, {Message{.term = node.term(), .body = AppendReply{.accepted = true, .match = node.last()}}});
  node.Change({.steps = {{.kind = MembershipStep::Kind::kAddVoter, .id = NodeId{5}}}, .context = "c"});
  node.Turn();
  ASSERT_EQ(node.replica.core().status().config.voters.size(), 4U);
  std::vector<std::uint64_t> ids;
  for (const PeerPort::Peer& peer : node.peers.peers) ids.push_back(peer.id.value());
  EXPECT_THAT(ids, ElementsAre(2, 3, 4, 5));
}

// An incarnation is announced by a command, not by a change of membership. Until the transport hears of it,
// it would take anybody in that member's place who came first after a restart of this node.
TEST(Replica, AnIncarnationThatBecameKnownReachesTheTransportWithoutAChangeOfMembership) {
  OneReplica node;
  node.Follow(Term{1});
  node.incarnations[kPeer] = Incarnation{7};
  EXPECT_THAT(node.peers.peers.front().incarnation, std::nullopt);
  node.replica.PeersChanged();
  ASSERT_THAT(node.peers.peers, SizeIs(2));
  EXPECT_THAT(node.peers.peers[0].incarnation, Incarnation{7});
  EXPECT_THAT(node.peers.peers[1].incarnation, std::nullopt);
}

TEST(Replica, AMembershipChangeIsRefusedByAFollower) {
  OneReplica node;
  node.Follow(Term{1});
  const auto refused =
      node.Change({.steps = {{.kind = MembershipStep::Kind::kRemove, .id = kOther}}, .context = ""});
  node.Turn();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused->status)) << refused->status;
  EXPECT_EQ(refused->calls, 1);
}

}  // namespace
}  // namespace cairn::raft
