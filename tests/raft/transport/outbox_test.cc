#include "raft/transport/outbox.h"

#include <gtest/gtest.h>

#include "tests/raft/transport/recorder.h"

namespace cairn::raft {
namespace {

using testing::Heartbeat;
using testing::Numbered;
using testing::NumberOf;

PeerMessage Reply(std::uint64_t term, std::uint64_t match, bool accepted = true) {
  return Message{
      .term = Term{term},
      .body = AppendReply{.accepted = accepted, .match = Index{match}, .rejected = {}, .hint = {}}};
}

Outbox::Pushed Push(Outbox& outbox, PeerMessage message) { return outbox.Push(message); }

template <typename Body>
const Body& As(const PeerMessage& message) {
  return std::get<Body>(std::get<Message>(message).body);
}

TEST(Outbox, KeepsTheOrder) {
  Outbox outbox(1 << 20);
  for (std::uint64_t i = 1; i <= 100; ++i) EXPECT_EQ(Push(outbox, Numbered(i)), Outbox::Pushed::kAdded);
  std::uint64_t expected = 0;
  while (!outbox.empty()) {
    for (const PeerMessage& message : outbox.Take(1000)) EXPECT_EQ(NumberOf(message), ++expected);
  }
  EXPECT_EQ(expected, 100u);
  EXPECT_EQ(outbox.bytes(), 0u);
}

TEST(Outbox, TheNewestHeartbeatTakesThePlaceOfTheOneThatWaits) {
  Outbox outbox(1 << 20);
  Push(outbox, Heartbeat(1));
  Push(outbox, Numbered(1));
  EXPECT_EQ(Push(outbox, Heartbeat(2)), Outbox::Pushed::kReplaced);
  const auto all = outbox.TakeAll();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(As<HeartbeatRequest>(all[0]).round, ReadRound{2});
  EXPECT_EQ(Push(outbox, Heartbeat(3)), Outbox::Pushed::kAdded);  // None waits now.
}

TEST(Outbox, AnAcknowledgementIncludesTheSmallerOneOfItsTerm) {
  Outbox outbox(1 << 20);
  Push(outbox, Reply(1, 5));
  EXPECT_EQ(Push(outbox, Reply(1, 7)), Outbox::Pushed::kReplaced);
  EXPECT_EQ(Push(outbox, Reply(2, 9)), Outbox::Pushed::kAdded);  // Of another term.
  EXPECT_EQ(Push(outbox, Reply(2, 8)), Outbox::Pushed::kAdded);  // Smaller: it was overtaken on its way here.
  EXPECT_EQ(Push(outbox, Reply(2, 0, false)), Outbox::Pushed::kAdded);  // A refusal is never replaced
  EXPECT_EQ(Push(outbox, Reply(2, 0, false)), Outbox::Pushed::kAdded);  // nor does it replace.
  EXPECT_EQ(outbox.TakeAll().size(), 5u);
}

TEST(Outbox, AHeartbeatOfAnotherTermIsAddedBehind) {
  Outbox outbox(1 << 20);
  Push(outbox, Heartbeat(7));
  PeerMessage next = Heartbeat(1);
  std::get<Message>(next).term = Term{2};
  EXPECT_EQ(outbox.Push(next), Outbox::Pushed::kAdded);
  EXPECT_EQ(outbox.TakeAll().size(), 2u);
}

TEST(Outbox, IsBoundedInBytesAndLeavesWhatDoesNotFitAlone) {
  Outbox outbox(10000);
  EXPECT_EQ(Push(outbox, Numbered(1, 9000)), Outbox::Pushed::kAdded);
  PeerMessage message = Numbered(2, 9000);
  EXPECT_EQ(outbox.Push(message), Outbox::Pushed::kFull);
  EXPECT_EQ(NumberOf(message), 2u);
  EXPECT_FALSE(outbox.relaxed());
  EXPECT_EQ(Push(outbox, Heartbeat(1)), Outbox::Pushed::kAdded);  // Small messages have a lane of their own.
  EXPECT_EQ(outbox.TakeAll().size(), 2u);
  EXPECT_TRUE(outbox.relaxed());
}

TEST(Outbox, SmallMessagesAreBoundedToo) {
  Outbox outbox(10000);
  std::size_t added = 0;
  while (Push(outbox, Numbered(added)) == Outbox::Pushed::kAdded) ++added;
  EXPECT_GT(added, 1000u);
  EXPECT_LT(outbox.bytes(), 10000u + (2 << 20));
}

TEST(Outbox, AMessageLargerThanTheBoundGoesAlone) {
  Outbox outbox(1000);
  EXPECT_EQ(Push(outbox, Numbered(1, 5000)), Outbox::Pushed::kAdded);
  EXPECT_EQ(Push(outbox, Numbered(2, 1)), Outbox::Pushed::kFull);
}

TEST(Outbox, TakeStopsAtTheLimitButTakesOne) {
  Outbox outbox(1 << 20);
  for (std::uint64_t i = 1; i <= 3; ++i) Push(outbox, Numbered(i, 1000));
  EXPECT_EQ(outbox.Take(100).size(), 1u);
  EXPECT_EQ(outbox.Take(5000).size(), 2u);
}

}  // namespace
}  // namespace cairn::raft
