#include "raft/core/progress.h"

#include <gtest/gtest.h>

namespace cairn::raft {
namespace {

CoreOptions SmallWindow() {
  return {.self = NodeId{1}, .max_inflight_bytes = 100, .max_inflight_appends = 2};
}

Progress Replicating(Index match) {
  Progress peer(Next(match), SmallWindow());
  peer.OnAccepted(match, Index{0});
  return peer;
}

TEST(Inflight, IsFullByCountOrByBytes) {
  Inflight window(2, 100);
  window.Add(Index{1}, 10);
  EXPECT_FALSE(window.full());
  window.Add(Index{2}, 10);
  EXPECT_TRUE(window.full());
  window.FreeUpTo(Index{1});
  EXPECT_FALSE(window.full());
  window.Add(Index{3}, 90);
  EXPECT_TRUE(window.full());
}

TEST(Inflight, OneLargeAppendAlwaysFits) {
  Inflight window(4, 100);
  window.Add(Index{1}, 5000);
  EXPECT_TRUE(window.full());
  window.FreeOldest();
  EXPECT_TRUE(window.empty());
  EXPECT_EQ(window.bytes(), 0u);
}

TEST(Inflight, TheRingGrowsAndWraps) {
  Inflight window(100, 1 << 20);
  std::uint64_t next = 1;
  for (int round = 0; round < 50; ++round) {
    for (int i = 0; i < 3; ++i) window.Add(Index{next++}, 1);
    window.FreeUpTo(Index{next - 2});
    EXPECT_EQ(window.count(), 1u);
  }
}

TEST(Progress, OneProbeIsUnderWayAtATime) {
  Progress peer(Index{5}, SmallWindow());
  EXPECT_TRUE(peer.CanSend());
  peer.OnSent(1, 10, Index{0});
  EXPECT_FALSE(peer.CanSend());
  peer.OnHeartbeatSent();
  peer.OnHeartbeatReply(Index{5});
  EXPECT_TRUE(peer.CanSend());
  EXPECT_EQ(peer.next(), Index{5});
}

TEST(Progress, PipelinesUntilTheWindowIsFull) {
  Progress peer = Replicating(Index{4});
  peer.OnSent(1, 10, Index{0});
  peer.OnSent(1, 10, Index{0});
  EXPECT_FALSE(peer.CanSend());
  EXPECT_EQ(peer.next(), Index{7});
  EXPECT_TRUE(peer.OnAccepted(Index{5}, Index{0}));
  EXPECT_TRUE(peer.CanSend());
  // A stuck peer that still answers heartbeats gets one more.
  peer.OnSent(1, 10, Index{0});
  peer.OnHeartbeatSent();
  peer.OnHeartbeatReply(Index{9});
  EXPECT_TRUE(peer.CanSend());
}

TEST(Progress, OldAnswersAreNoNews) {
  Progress peer = Replicating(Index{4});
  EXPECT_FALSE(peer.OnAccepted(Index{3}, Index{0}));
  EXPECT_EQ(peer.match(), Index{4});
  EXPECT_FALSE(peer.OnRejected(Index{4}, Index{2}));
  EXPECT_EQ(peer.state(), Progress::State::kReplicate);
}

TEST(Progress, ARejectionMovesNextToWhereTheLogsCanAgree) {
  Progress peer(Index{10}, SmallWindow());
  peer.OnSent(1, 1, Index{0});
  EXPECT_FALSE(peer.OnRejected(Index{7}, Index{3}));  // Of an older probe.
  EXPECT_TRUE(peer.OnRejected(Index{9}, Index{3}));
  EXPECT_EQ(peer.next(), Index{4});
  EXPECT_TRUE(peer.CanSend());
}

TEST(Progress, NothingIsSentDuringASnapshot) {
  Progress peer(Index{2}, SmallWindow());
  peer.OnSnapshotNeeded();
  peer.OnHeartbeatSent();
  peer.OnHeartbeatReply(Index{9});
  EXPECT_FALSE(peer.CanSend());
  peer.OnSnapshotFailed();
  EXPECT_FALSE(peer.CanSend());  // Not before it shows that it is there.
  peer.OnHeartbeatReply(Index{9});
  EXPECT_TRUE(peer.CanSend());
}

// Rounds of reads are heartbeats, too, and come as often as clients read.
TEST(Progress, OneHeartbeatOfTheClockResumesOnce) {
  Progress probed(Index{5}, SmallWindow());
  probed.OnHeartbeatSent();
  probed.OnSent(1, 10, Index{0});
  probed.OnHeartbeatReply(Index{5});
  EXPECT_TRUE(probed.CanSend());
  probed.OnSent(1, 10, Index{0});
  probed.OnHeartbeatReply(Index{5});
  EXPECT_FALSE(probed.CanSend());

  Progress full = Replicating(Index{4});
  full.OnSent(1, 10, Index{0});
  full.OnSent(1, 10, Index{0});
  full.OnHeartbeatReply(Index{9});
  EXPECT_FALSE(full.CanSend());
  full.OnHeartbeatSent();
  full.OnHeartbeatReply(Index{9});
  EXPECT_TRUE(full.CanSend());
  full.OnSent(1, 10, Index{0});
  full.OnHeartbeatReply(Index{9});
  EXPECT_FALSE(full.CanSend());
}

// R49: it said that it was on its disk.
TEST(Progress, APeerThatRefusesWhatItAcknowledgedIsProbedOnceAHeartbeat) {
  Progress peer = Replicating(Index{4});
  peer.OnSent(1, 10, Index{0});
  EXPECT_TRUE(peer.OnRejected(Index{5}, Index{2}));
  EXPECT_EQ(peer.next(), Index{5});
  peer.OnSent(1, 10, Index{0});
  EXPECT_FALSE(peer.OnRejected(Index{4}, Index{2}));
  EXPECT_FALSE(peer.CanSend());
  EXPECT_TRUE(peer.refuses_acknowledged());
  EXPECT_EQ(peer.match(), Index{4});

  peer.OnHeartbeatSent();
  peer.OnHeartbeatReply(Index{9});
  EXPECT_TRUE(peer.CanSend());
  peer.OnSent(1, 10, Index{0});
  EXPECT_TRUE(peer.OnAccepted(Index{5}, Index{0}));  // Somebody gave it back to it.
  EXPECT_FALSE(peer.refuses_acknowledged());
}

TEST(Progress, ASnapshotEndsWhenItArrivesOrIsOvertaken) {
  Progress arrived(Index{2}, SmallWindow());
  arrived.OnSnapshotNeeded();
  arrived.OnSnapshotReceived(Index{20});
  EXPECT_EQ(arrived.next(), Index{21});
  EXPECT_TRUE(arrived.OnAccepted(Index{20}, Index{15}));
  EXPECT_EQ(arrived.state(), Progress::State::kReplicate);

  Progress overtaken(Index{2}, SmallWindow());
  overtaken.OnSnapshotNeeded();
  overtaken.OnAccepted(Index{10}, Index{15});
  EXPECT_EQ(overtaken.state(), Progress::State::kSnapshot);  // Still before our first entry.
  overtaken.OnAccepted(Index{15}, Index{15});
  EXPECT_EQ(overtaken.state(), Progress::State::kReplicate);
}

}  // namespace
}  // namespace cairn::raft
