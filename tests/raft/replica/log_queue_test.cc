#include "raft/replica/log_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/raft/replica/one_replica.h"

namespace cairn::raft {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

Envelope Vote(NodeId to) {
  return {.from = NodeId{1}, .to = to, .message = {.term = Term{1}, .body = VoteReply{}}};
}

TEST(LogQueue, HoldsWhatVouchesForAWriteUntilThatWriteIsDurable) {
  RecordingLog port;
  LogQueue queue(port);
  queue.Write(WriteNumber{1}, HardState{.term = Term{1}, .vote = {}}, {}, 1);
  EXPECT_THAT(queue.HoldUntil(WriteNumber{1}, {Vote(NodeId{2})}), IsEmpty());
  queue.Write(WriteNumber{2}, HardState{.term = Term{2}, .vote = {}}, {}, 1);
  EXPECT_THAT(queue.HoldUntil(WriteNumber{2}, {Vote(NodeId{3})}), IsEmpty());

  const LogQueue::Done first = queue.Persisted(port.writes[0].number, 2);
  EXPECT_EQ(first.core_write, WriteNumber{1});
  ASSERT_THAT(first.released, SizeIs(1));
  EXPECT_EQ(first.released[0].to, NodeId{2});
  // Durable already: nothing to wait for.
  EXPECT_THAT(queue.HoldUntil(WriteNumber{1}, {Vote(NodeId{4})}), SizeIs(1));
}

TEST(LogQueue, AResetBetweenWritesIsNoWriteOfTheCores) {
  RecordingLog port;
  LogQueue queue(port);
  const SnapshotMeta meta{.last = {.term = Term{1}, .index = Index{9}}, .config = {}, .time = {}};
  queue.Write(WriteNumber{1}, HardState{.term = Term{1}, .vote = {}}, {}, 1);
  queue.Reset(meta, 1);
  queue.Write(WriteNumber{2}, HardState{.term = Term{2}, .vote = {}}, {}, 1);

  LogQueue::Done done = queue.Persisted(port.resets[0].number, 2);
  EXPECT_EQ(done.core_write, WriteNumber{1});
  ASSERT_TRUE(done.installed.has_value());
  EXPECT_EQ(done.installed->last, meta.last);
  done = queue.Persisted(port.writes[1].number, 2);
  EXPECT_EQ(done.core_write, WriteNumber{2});
  EXPECT_FALSE(done.installed.has_value());
}

TEST(LogQueue, KnowsHowMuchWaitsAndSinceWhen) {
  RecordingLog port;
  LogQueue queue(port);
  EXPECT_EQ(queue.waits_since(), std::nullopt);
  const Entry entry = CommandEntry(Term{1}, Index{1}, {}, std::string(1000, 'x'));
  queue.Write(WriteNumber{1}, std::nullopt, {entry, entry}, 5);
  queue.Write(WriteNumber{2}, std::nullopt, {entry}, 8);
  EXPECT_GE(queue.unpersisted_bytes(), 3000U);
  EXPECT_EQ(queue.waits_since(), 5U);
  static_cast<void>(queue.Persisted(port.writes[0].number, 7));
  EXPECT_GE(queue.unpersisted_bytes(), 1000U);
  EXPECT_LT(queue.unpersisted_bytes(), 2000U);
  EXPECT_EQ(queue.waits_since(), 8U);
  static_cast<void>(queue.Persisted(port.writes[1].number, 9));
  EXPECT_EQ(queue.unpersisted_bytes(), 0U);
  EXPECT_EQ(queue.waits_since(), std::nullopt);
}

TEST(LogQueue, WhatWaitsBehindOthersDoesNotCountUntilItsTurn) {
  RecordingLog port;
  LogQueue queue(port);
  queue.Write(WriteNumber{1}, HardState{.term = Term{1}, .vote = {}}, {}, 5);
  queue.Write(WriteNumber{2}, HardState{.term = Term{2}, .vote = {}}, {}, 5);
  static_cast<void>(queue.Persisted(port.writes[0].number, 70));
  EXPECT_EQ(queue.waits_since(), 70U);
}

}  // namespace
}  // namespace cairn::raft
