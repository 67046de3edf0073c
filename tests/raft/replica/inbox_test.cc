#include "raft/replica/inbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace cairn::raft {
namespace {

using testing::SizeIs;

std::chrono::steady_clock::time_point Now() { return std::chrono::steady_clock::now(); }

bool Propose(Inbox& inbox, std::string bytes) {
  Payload payload = Payload::FromString(std::move(bytes));
  ProposeDone done = [](const auto&) {};
  return inbox.Propose(payload, done);
}

std::vector<PeerMessage> Append(std::size_t bytes) {
  Entry entry{.id = {}, .kind = EntryKind::kCommand, .time = {}, .proposal = {}, .payload = {}};
  entry.payload = Payload::FromString(std::string(bytes, 'x'));
  std::vector<PeerMessage> messages;
  messages.emplace_back(Message{
      .term = {}, .body = AppendRequest{.previous = {}, .entries = {entry}, .commit = {}, .time = {}}});
  return messages;
}

TEST(Inbox, HandsOverEverythingAtOnceAndIsEmptyThen) {
  Inbox inbox({.proposal_bytes = 100, .requests = 10, .peer_bytes = 1000});
  EXPECT_TRUE(Propose(inbox, "a"));
  EXPECT_TRUE(Propose(inbox, "b"));
  EXPECT_TRUE(inbox.Add(event::Applied{.index = Index{1}}));
  const Inbox::Batch batch = inbox.Take(Now());
  EXPECT_THAT(batch.proposals, SizeIs(2));
  EXPECT_THAT(batch.events, SizeIs(1));
  EXPECT_TRUE(inbox.Take(Now()).empty());
}

bool AddAppend(Inbox& inbox, std::size_t bytes) {
  std::vector<PeerMessage> messages = Append(bytes);
  return inbox.AddPeerMessages(NodeId{2}, messages);
}

TEST(Inbox, BeyondTheBoundKeepsOnlyWhoIsOwedAnAnswer) {
  Inbox inbox({.proposal_bytes = 3, .requests = 2, .peer_bytes = 1000});
  EXPECT_TRUE(Propose(inbox, "ab"));
  EXPECT_TRUE(Propose(inbox, "cd"));
  const Inbox::Batch batch = inbox.Take(Now());
  EXPECT_THAT(batch.proposals, SizeIs(1));
  EXPECT_THAT(batch.proposals_refused, SizeIs(1));
}

TEST(Inbox, PeersMessagesBeyondTheBoundAreLostCompletionsNever) {
  Inbox inbox({.proposal_bytes = 100, .requests = 10, .peer_bytes = 1000});
  EXPECT_TRUE(AddAppend(inbox, 5000));  // One always fits.
  EXPECT_FALSE(AddAppend(inbox, 1));
  EXPECT_TRUE(inbox.Add(event::Applied{.index = Index{1}}));
  EXPECT_THAT(inbox.Take(Now()).events, SizeIs(2));
  EXPECT_TRUE(AddAppend(inbox, 1));
}

TEST(Inbox, OnceClosedTakesNothingOver) {
  Inbox inbox({.proposal_bytes = 100, .requests = 10, .peer_bytes = 1000});
  inbox.Close();
  Payload payload = Payload::FromString("a");
  ProposeDone done = [](const auto&) {};
  EXPECT_FALSE(inbox.Propose(payload, done));
  EXPECT_TRUE(done);
  std::vector<PeerMessage> messages = Append(1);
  EXPECT_FALSE(inbox.AddPeerMessages(NodeId{2}, messages));
  EXPECT_THAT(messages, SizeIs(1));
  EXPECT_FALSE(inbox.Add(event::Applied{.index = Index{1}}));
}

TEST(Inbox, ManyProducersLoseNothing) {
  Inbox inbox({.proposal_bytes = 1 << 20, .requests = 1 << 20, .peer_bytes = 1000});
  constexpr std::uint64_t kEach = 5000;
  std::vector<std::thread> producers;
  for (int i = 0; i < 3; ++i) {
    producers.emplace_back([&] {
      for (std::uint64_t k = 1; k <= kEach; ++k) EXPECT_TRUE(inbox.Add(event::Applied{.index = Index{k}}));
    });
  }
  std::size_t taken = 0;
  while (taken < 3 * kEach) taken += inbox.Take(Now() + std::chrono::seconds(20)).events.size();
  for (std::thread& producer : producers) producer.join();
  EXPECT_EQ(taken, 3 * kEach);
}

}  // namespace
}  // namespace cairn::raft
