#include "raft/replica/snapshot_sender.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/raft/replica/one_replica.h"

namespace cairn::raft {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr NodeId kTo{2};

// A leader that has begun to send one snapshot, of index 20.
class SnapshotSenderTest : public ::testing::Test {
 protected:
  SnapshotSenderTest() {
    for (std::uint64_t index = 1; index <= 40; ++index) log_.Committed(CommandEntry(Term{5}, Index{index}));
    sender_.Wanted(kTo, Term{5}, Index{20}, 1);
  }

  static PeerStatus Peer(PeerStatus::State state, Index match) {
    return {.id = kTo,
            .state = state,
            .match = match,
            .next = Next(match),
            .recently_active = true,
            .refuses_acknowledged = false};
  }

  RecordingPeers peers_;
  ReplicaMetrics metrics_;
  LogKeeper log_{OneReplica::SmallOptions(), OneReplica::Fresh({NodeId{1}, kTo, NodeId{3}})};
  SnapshotSender sender_{peers_, log_, metrics_, 10};
};

TEST_F(SnapshotSenderTest, StoppingCancelsOnceAndWaitsForTheAnswer) {
  sender_.Stop();
  sender_.Stop();
  EXPECT_THAT(peers_.cancelled, ElementsAre(kTo));
  EXPECT_THAT(log_.pins(), IsEmpty());
  EXPECT_FALSE(sender_.idle());
  sender_.Ended(kTo, SnapshotSender::Outcome::kFailed, 5);
  EXPECT_TRUE(sender_.idle());
}

TEST_F(SnapshotSenderTest, StoppingForgetsWhatIsNotUnderWay) {
  sender_.Ended(kTo, SnapshotSender::Outcome::kReceived, 5);
  EXPECT_FALSE(sender_.idle());  // Catching up.
  sender_.Stop();
  EXPECT_THAT(peers_.cancelled, IsEmpty());
  EXPECT_TRUE(sender_.idle());
}

TEST_F(SnapshotSenderTest, ANewLeadDoesNotBeginBeforeTheOldAnswer) {
  sender_.Stop();
  sender_.Wanted(kTo, Term{7}, Index{30}, 10);
  sender_.Tick({Peer(PeerStatus::State::kSnapshot, Index{0})}, Term{7}, Index{30}, 11);
  EXPECT_THAT(peers_.snapshots, ElementsAre(kTo));
  EXPECT_THAT(log_.pins(), IsEmpty());

  sender_.Ended(kTo, SnapshotSender::Outcome::kFailed,
                12);  // Of the old lead: neither a failure of this one's nor its pin's end.
  sender_.Wanted(kTo, Term{7}, Index{30}, 13);
  EXPECT_THAT(peers_.snapshots, ElementsAre(kTo, kTo));
  EXPECT_THAT(log_.pins(), ElementsAre(std::pair(kTo, Index{30})));
}

TEST_F(SnapshotSenderTest, ToAMemberThatIsRemovedIsCancelledOnce) {
  sender_.Tick({}, Term{5}, Index{20}, 2);
  sender_.Tick({}, Term{5}, Index{20}, 3);
  EXPECT_THAT(peers_.cancelled, ElementsAre(kTo));
  EXPECT_THAT(log_.pins(), IsEmpty());
  EXPECT_FALSE(sender_.idle());

  // Added again meanwhile.
  sender_.Wanted(kTo, Term{5}, Index{30}, 4);
  sender_.Tick({Peer(PeerStatus::State::kSnapshot, Index{0})}, Term{5}, Index{30}, 5);
  EXPECT_THAT(peers_.snapshots, ElementsAre(kTo));
  sender_.Ended(kTo, SnapshotSender::Outcome::kReceived, 6);
  EXPECT_TRUE(sender_.idle());
}

TEST_F(SnapshotSenderTest, ToAMemberThatIsRemovedIsForgottenIfItHasEnded) {
  sender_.Ended(kTo, SnapshotSender::Outcome::kFailed, 2);
  sender_.Tick({}, Term{5}, Index{20}, 3);
  EXPECT_THAT(peers_.cancelled, IsEmpty());
  EXPECT_TRUE(sender_.idle());
}

TEST_F(SnapshotSenderTest, AFailedOneIsRepeatedAfterAPause) {
  sender_.Ended(kTo, SnapshotSender::Outcome::kFailed, 2);
  sender_.Wanted(kTo, Term{5}, Index{30}, 3);
  EXPECT_THAT(peers_.snapshots, ElementsAre(kTo));
  sender_.Tick({Peer(PeerStatus::State::kProbe, Index{0})}, Term{5}, Index{30}, 11);
  EXPECT_THAT(peers_.snapshots, ElementsAre(kTo));
  sender_.Tick({Peer(PeerStatus::State::kProbe, Index{0})}, Term{5}, Index{30}, 12);
  EXPECT_THAT(peers_.snapshots, ElementsAre(kTo, kTo));
}

}  // namespace
}  // namespace cairn::raft
