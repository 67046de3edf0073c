#include "raft/transport/transport.h"

#include <gtest/gtest.h>

#include "tests/raft/transport/recorder.h"

namespace cairn::raft {
namespace {

using testing::Connect;
using testing::Heartbeat;
using testing::Numbered;
using testing::NumberOf;
using testing::Recorder;
using testing::TestMember;
using testing::WaitUntilConnected;
using Seen = Recorder::Seen;

std::vector<std::uint64_t> NumbersFrom(const Seen& seen, NodeId from) {
  std::vector<std::uint64_t> numbers;
  for (const auto& received : seen.messages) {
    if (received.from == from) numbers.push_back(NumberOf(received.message));
  }
  return numbers;
}

std::vector<std::uint64_t> UpTo(std::uint64_t n) {
  std::vector<std::uint64_t> numbers;
  for (std::uint64_t i = 1; i <= n; ++i) numbers.push_back(i);
  return numbers;
}

TEST(Transport, MessagesArriveInOrderAndInFewFrames) {
  TestMember a(1);
  TestMember b(2);
  Connect({&a, &b});
  constexpr std::uint64_t kMessages = 5000;
  for (std::uint64_t i = 1; i <= kMessages; ++i) {
    a.transport->Send(b.id(), Numbered(i, 300));
    b.transport->Send(a.id(), Numbered(i));
    if (i % 10 == 0) {
      a.transport->Flush();
      b.transport->Flush();
    }
  }
  EXPECT_TRUE(b.recorder.WaitFor([](const Seen& seen) { return seen.messages.size() == kMessages; }));
  EXPECT_TRUE(a.recorder.WaitFor([](const Seen& seen) { return seen.messages.size() == kMessages; }));
  EXPECT_EQ(b.recorder.With([&](const Seen& seen) { return NumbersFrom(seen, a.id()); }), UpTo(kMessages));
  EXPECT_EQ(a.recorder.With([&](const Seen& seen) { return NumbersFrom(seen, b.id()); }), UpTo(kMessages));

  const PeerStats stats = a.StatsOf(b.id());
  EXPECT_EQ(stats.messages_sent, kMessages);
  EXPECT_LE(stats.frames_sent, kMessages / 10);
  EXPECT_EQ(stats.messages_dropped, 0u);
  EXPECT_GT(stats.bytes_sent, kMessages * 300);
  EXPECT_EQ(b.StatsOf(a.id()).bytes_received, stats.bytes_sent);
}

TEST(Transport, NothingLeavesBeforeFlush) {
  TestMember a(1);
  TestMember b(2);
  Connect({&a, &b});
  const std::uint64_t before = a.StatsOf(b.id()).frames_sent;
  a.transport->Send(b.id(), Numbered(1));
  a.transport->Send(b.id(), Numbered(2));
  EXPECT_EQ(a.StatsOf(b.id()).frames_sent, before);
  a.transport->Flush();
  EXPECT_TRUE(b.recorder.WaitFor([](const Seen& seen) { return seen.messages.size() == 2; }));
  EXPECT_EQ(a.StatsOf(b.id()).frames_sent, before + 1);
}

TEST(Transport, ThreeMembersTalkToEachOther) {
  TestMember a(1);
  TestMember b(2);
  TestMember c(3);
  const std::vector<TestMember*> all{&a, &b, &c};
  Connect(all);
  for (std::uint64_t i = 1; i <= 100; ++i) {
    for (TestMember* from : all) {
      for (TestMember* to : all) {
        if (from != to) from->transport->Send(to->id(), Numbered(i, 2000));
      }
      from->transport->Flush();
    }
  }
  for (TestMember* to : all) {
    EXPECT_TRUE(to->recorder.WaitFor([](const Seen& seen) { return seen.messages.size() == 200; }));
    for (TestMember* from : all) {
      if (from == to) continue;
      EXPECT_EQ(to->recorder.With([&](const Seen& seen) { return NumbersFrom(seen, from->id()); }),
                UpTo(100));
    }
  }
}

TEST(Transport, OneStreamForEachPairDialledByTheLowerId) {
  TestMember a(1);
  TestMember b(2);
  Connect({&a, &b});
  EXPECT_EQ(a.StatsOf(b.id()).streams_opened, 1u);
  EXPECT_EQ(b.StatsOf(a.id()).streams_opened, 1u);
}

TEST(Transport, LargeBacklogIsSplitIntoFramesOfBoundedSize) {
  TestMember a(1);
  TestMember b(2);
  a.options.max_frame_bytes = 64 << 10;
  Connect({&a, &b});
  for (std::uint64_t i = 1; i <= 100; ++i) a.transport->Send(b.id(), Numbered(i, 10000));
  a.transport->Flush();
  EXPECT_TRUE(b.recorder.WaitFor([](const Seen& seen) { return seen.messages.size() == 100; }));
  EXPECT_EQ(b.recorder.With([&](const Seen& seen) { return NumbersFrom(seen, a.id()); }), UpTo(100));
  EXPECT_GE(a.StatsOf(b.id()).frames_sent, 100u * 10000 / (64 << 10));
}

TEST(Transport, AMessageLargerThanAFrameStillGoes) {
  TestMember a(1);
  TestMember b(2);
  Connect({&a, &b});
  a.transport->Send(b.id(), Numbered(1, 20 << 20));
  a.transport->Flush();
  EXPECT_TRUE(b.recorder.WaitFor([](const Seen& seen) { return seen.messages.size() == 1; }));
}

TEST(Transport, AMessageBeyondTheLimitIsDroppedAndTold) {
  TestMember a(1);
  TestMember b(2);
  a.options.max_message_bytes = 1 << 20;
  Connect({&a, &b});
  a.transport->Send(b.id(), Numbered(1, 2 << 20));
  EXPECT_EQ(a.recorder.With([&](const Seen& seen) { return seen.unreachable.count(b.id()); }), 1u);
  EXPECT_EQ(a.recorder.With([](const Seen& seen) { return seen.NoticesWith("larger than the limit"); }), 1);
  EXPECT_EQ(a.StatsOf(b.id()).messages_dropped, 1u);
}

TEST(Transport, RoundTripsAreMeasured) {
  TestMember a(1);
  TestMember b(2);
  Connect({&a, &b});
  for (std::uint64_t i = 1; i <= 20; ++i) {
    a.transport->Send(b.id(), Heartbeat(i));
    a.transport->Flush();
    ASSERT_TRUE(b.recorder.WaitFor([&](const Seen& seen) { return seen.messages.size() == i; }));
    b.transport->Send(a.id(), Heartbeat(i));
    b.transport->Flush();
    ASSERT_TRUE(a.recorder.WaitFor([&](const Seen& seen) { return seen.messages.size() == i; }));
  }
  const RoundTripHistogram histogram = a.StatsOf(b.id()).round_trip;
  std::uint64_t count = 0;
  for (const std::uint64_t bucket : histogram.counts) count += bucket;
  EXPECT_GE(count, 1u);
  EXPECT_GT(histogram.sum_microseconds, 0u);
}

TEST(Transport, ARestartedMemberIsReached) {
  TestMember a(1);
  TestMember b(2);
  Connect({&a, &b});
  for (TestMember* restarted : {&b, &a}) {
    TestMember& other = restarted == &a ? b : a;
    restarted->Stop();
    ASSERT_TRUE(
        other.recorder.WaitFor([&](const Seen& seen) { return seen.unreachable.contains(restarted->id()); }));
    ASSERT_TRUE(restarted->Start().ok());
    restarted->transport->SetPeers({a.AsPeer(), b.AsPeer()});
    ASSERT_TRUE(WaitUntilConnected(a, b)) << a.recorder.notices() << b.recorder.notices();
  }
  a.transport->Send(b.id(), Numbered(1));
  a.transport->Flush();
  b.transport->Send(a.id(), Numbered(2));
  b.transport->Flush();
  EXPECT_TRUE(b.recorder.WaitFor([](const Seen& seen) { return seen.messages.size() == 1; }));
  EXPECT_TRUE(a.recorder.WaitFor([](const Seen& seen) { return seen.messages.size() == 1; }));
}

TEST(Transport, ABreakIsReportedOnBothSides) {
  TestMember a(1);
  TestMember b(2);
  TestMember c(3);
  Connect({&a, &b, &c});
  b.Stop();  // Dialled by a, dials c.
  for (TestMember* other : {&a, &c}) {
    EXPECT_TRUE(other->recorder.WaitFor([&](const Seen& seen) { return seen.broken.contains(b.id()); }))
        << other->recorder.notices();
    EXPECT_TRUE(other->recorder.WaitFor([&](const Seen& seen) { return seen.unreachable.contains(b.id()); }));
  }
  EXPECT_EQ(a.recorder.With([&](const Seen& seen) { return seen.broken.at(b.id()); }), 1);
  EXPECT_EQ(a.recorder.With([&](const Seen& seen) { return seen.broken.count(c.id()); }), 0u);
}

TEST(Transport, WithoutAStreamAppendsAreDroppedAndToldOnce) {
  TestMember a(1);
  TestMember b(2);
  ASSERT_TRUE(a.Start().ok());
  a.transport->SetPeers({{.id = b.id(), .urls = {"http://127.0.0.1:1"}, .incarnation = {}}});
  for (std::uint64_t i = 1; i <= 10; ++i) a.transport->Send(b.id(), Numbered(i));
  EXPECT_EQ(a.recorder.With([&](const Seen& seen) { return seen.unreachable.at(b.id()); }), 1);
  EXPECT_EQ(a.StatsOf(b.id()).messages_dropped, 10u);
}

TEST(Transport, ForwardsThatCannotLeaveComeBackAsRefused) {
  TestMember a(1);
  ASSERT_TRUE(a.Start().ok());
  a.transport->SetPeers({{.id = NodeId{2}, .urls = {"http://127.0.0.1:1"}, .incarnation = {}}});
  const ProposalId id{.origin = 4, .sequence = 9};
  a.transport->Send(NodeId{2},
                    ForwardedProposals{.term = Term{6}, .proposals = {{id, Payload::FromString("v")}}});
  a.recorder.With([&](const Seen& seen) {
    ASSERT_EQ(seen.messages.size(), 1u);
    EXPECT_EQ(seen.messages[0].from, NodeId{2});
    const auto& refused = std::get<ForwardRefused>(seen.messages[0].message);
    EXPECT_EQ(refused.term, Term{6});
    EXPECT_EQ(refused.proposals, std::vector<ProposalId>{id});
    EXPECT_TRUE(refused.overloaded);
  });
}

TEST(Transport, AStuckPeerCostsBoundedMemoryAndFindsTheNewestHeartbeat) {
  TestMember a(1);
  TestMember b(2);
  a.options.max_queue_bytes = 4 << 20;
  Connect({&a, &b});
  b.recorder.Hold();
  // Far more than the kernel and gRPC take in for a peer that does not read.
  constexpr std::uint64_t kMessages = 1500;
  for (std::uint64_t i = 1; i <= kMessages; ++i) {
    a.transport->Send(b.id(), Numbered(i, 64 << 10));
    a.transport->Flush();
  }
  constexpr std::uint64_t kRounds = 1000;
  for (std::uint64_t round = 1; round <= kRounds; ++round) {
    a.transport->Send(b.id(), Heartbeat(round));
    a.transport->Flush();
  }
  PeerStats stats = a.StatsOf(b.id());
  EXPECT_LE(stats.queue_bytes, 4u << 20);
  EXPECT_GE(stats.messages_dropped, kMessages / 2);
  EXPECT_GE(stats.messages_replaced, kRounds * 9 / 10);
  // Once for each time the queue overflowed, which it cannot do often while nobody reads.
  EXPECT_GE(a.recorder.With([&](const Seen& seen) { return seen.unreachable.at(b.id()); }), 1);
  EXPECT_LE(a.recorder.With([&](const Seen& seen) { return seen.unreachable.at(b.id()); }), 10);

  b.recorder.LetGo();
  EXPECT_TRUE(b.recorder.WaitFor([](const Seen& seen) {
    for (const auto& received : seen.messages) {
      const auto* beat = std::get_if<HeartbeatRequest>(&std::get<Message>(received.message).body);
      if (beat != nullptr && beat->round == ReadRound{kRounds}) return true;
    }
    return false;
  }));
  stats = a.StatsOf(b.id());
  EXPECT_EQ(b.recorder.With([](const Seen& seen) { return seen.messages.size(); }), stats.messages_sent);
  EXPECT_EQ(stats.messages_sent + stats.messages_dropped + stats.messages_replaced, kMessages + kRounds);
}

TEST(Transport, APortInUseIsRefusedWithASentence) {
  TestMember a(1);
  ASSERT_TRUE(a.Start().ok());
  TestMember b(2);
  b.options.listen_urls = {a.url()};
  const absl::Status status = b.Start();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(status.ToString().find(std::to_string(a.port())), std::string::npos) << status;
}

TEST(Transport, HttpsIsRefusedWithASentence) {
  TestMember a(1);
  a.options.listen_urls = {"https://127.0.0.1:0"};
  const absl::Status status = a.Start();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.ToString().find("https"), std::string::npos) << status;
}

TEST(Transport, StopsWhileMessagesAreOnTheirWay) {
  for (int round = 0; round < 10; ++round) {
    TestMember a(1);
    TestMember b(2);
    Connect({&a, &b});
    for (std::uint64_t i = 1; i <= 50; ++i) {
      a.transport->Send(b.id(), Numbered(i, 100000));
      a.transport->Flush();
    }
    if (round % 2 == 0) a.transport->Stop();
    b.transport->Stop();
    const auto heard = b.recorder.With([](const Seen& seen) { return seen.messages.size(); });
    a.transport->Send(b.id(), Numbered(51));
    a.transport->Flush();
    EXPECT_EQ(b.recorder.With([](const Seen& seen) { return seen.messages.size(); }), heard);
  }
}

TEST(Transport, StoppedBeforeAnybodyAnswersIsFine) {
  TestMember a(1);
  ASSERT_TRUE(a.Start().ok());
  a.transport->SetPeers({{.id = NodeId{2}, .urls = {"http://127.0.0.1:1"}, .incarnation = {}},
                         {.id = NodeId{3}, .urls = {"http://no-such-host.invalid:1"}, .incarnation = {}},
                         {.id = NodeId{4}, .urls = {"nonsense"}, .incarnation = {}}});
  EXPECT_TRUE(a.recorder.WaitFor([](const Seen& seen) { return seen.NoticesWith("nonsense") == 1; }));
  a.Stop();
}

}  // namespace
}  // namespace cairn::raft
