#include <gtest/gtest.h>

#include "raft/base/status.h"
#include "raft/transport/codec.h"
#include "raft/transport/greeting.h"
#include "tests/raft/transport/raw_call.h"
#include "tests/raft/transport/recorder.h"

// Who is let in and who is not, and that both sides can read why.
namespace cairn::raft {
namespace {

using testing::Connect;
using testing::Numbered;
using testing::Recorder;
using testing::TestMember;
using testing::WaitUntilConnected;
using Seen = Recorder::Seen;

constexpr Identity kSelf{.cluster = ClusterId{100}, .self = NodeId{1}, .incarnation = Incarnation{11}};

Hello GoodHello() {
  return {.protocol = Hello::kProtocol,
          .cluster = ClusterId{100},
          .member = NodeId{2},
          .receiver = NodeId{1},
          .incarnation = Incarnation{22}};
}

TEST(Greeting, AKnownMemberIsLetIn) {
  EXPECT_TRUE(CheckHello(kSelf, GoodHello(), {.is_peer = true, .incarnation = Incarnation{22}}).ok());
}

TEST(Greeting, AMemberThatHasNotIntroducedItselfIsLetIn) {
  EXPECT_TRUE(CheckHello(kSelf, GoodHello(), {.is_peer = true, .incarnation = {}}).ok());
}

TEST(Greeting, EachReasonToRefuseHasItsSentence) {
  const auto refusal = [](const auto& change, KnownMember known) {
    Hello hello = GoodHello();
    change(hello);
    const absl::Status status = CheckHello(kSelf, hello, known);
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    return std::string(MessageOf(status));
  };
  const KnownMember peer{.is_peer = true, .incarnation = Incarnation{22}};
  const auto has = [](const std::string& text, std::string_view part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  has(refusal([](Hello& h) { h.protocol = 2; }, peer), "protocol");
  has(refusal([](Hello& h) { h.cluster = ClusterId{101}; }, peer), "cluster 65");
  has(refusal([](Hello& h) { h.receiver = NodeId{3}; }, peer), "looks for member 3");
  has(refusal([](Hello&) {}, {.is_peer = false, .incarnation = {}}), "not a peer");
  has(refusal([](Hello& h) { h.incarnation = Incarnation{23}; }, peer), "lost its data");
}

// Both sides are told.
void ExpectRefused(TestMember& caller, TestMember& callee, std::string_view text) {
  for (TestMember* side : {&caller, &callee}) {
    EXPECT_TRUE(side->recorder.WaitFor([&](const Seen& seen) { return seen.NoticesWith(text) > 0; }))
        << side->recorder.notices();
  }
  EXPECT_FALSE(caller.StatsOf(callee.id()).connected);
  EXPECT_FALSE(callee.StatsOf(caller.id()).connected);
}

TEST(Refusal, AnotherCluster) {
  TestMember a(1, 100);
  TestMember b(2, 200);
  ASSERT_TRUE(a.Start().ok());
  ASSERT_TRUE(b.Start().ok());
  b.transport->SetPeers({a.AsPeer()});
  a.transport->SetPeers({b.AsPeer()});
  ExpectRefused(a, b, "belongs to cluster 64");
}

// Each of many attempts is refused alike, and a person reads of the first.
TEST(Refusal, IsToldOnceToTheCaller) {
  testing::RawServer b;
  TestMember a(1);
  ASSERT_TRUE(a.Start().ok());
  a.transport->SetPeers({{.id = NodeId{2}, .urls = {b.url()}, .incarnation = {}}});
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(b.Accept());
    EXPECT_LE(a.recorder.With([](const Seen& seen) { return seen.NoticesWith("not you"); }), 1);
    ASSERT_TRUE(b.Finish({grpc::StatusCode::FAILED_PRECONDITION, "not you"}));
  }
  EXPECT_TRUE(a.recorder.WaitFor([](const Seen& seen) { return seen.NoticesWith("not you") == 1; }));
}

// We say why, and it does not hang up: our reason is the one that is told, not that it took long.
TEST(Refusal, OfACalledMemberThatStaysIsToldAsItIs) {
  testing::RawServer b;
  TestMember a(1);
  a.options.hello_timeout = std::chrono::milliseconds(100);
  ASSERT_TRUE(a.Start().ok());
  a.transport->SetPeers({{.id = NodeId{2}, .urls = {b.url()}, .incarnation = {}}});
  ASSERT_TRUE(b.Accept());
  ASSERT_TRUE(b.Read());
  const Hello hello{
      .cluster = ClusterId{666}, .member = NodeId{2}, .receiver = a.id(), .incarnation = Incarnation{2}};
  ASSERT_TRUE(b.Write(EncodeFrame({.hello = hello, .refused = {}, .messages = {}, .ping = {}, .pong = {}})));
  EXPECT_TRUE(b.Accept());  // It has given up and dials anew.
  EXPECT_EQ(a.recorder.With([](const Seen& seen) { return seen.NoticesWith("cluster 29a"); }), 1);
  EXPECT_EQ(a.recorder.With([](const Seen& seen) { return seen.NoticesWith("introduce"); }), 0);
}

TEST(Refusal, IsToldOnceToTheCalled) {
  TestMember b(2);
  ASSERT_TRUE(b.Start().ok());
  for (int i = 0; i < 4; ++i) {
    testing::RawCall call(b.port(), testing::kExchangeMethod);
    Hello hello = GoodHello();
    hello.receiver = b.id();
    hello.member = NodeId{1};
    call.Write(EncodeFrame({.hello = hello, .refused = {}, .messages = {}, .ping = {}, .pong = {}}));
    EXPECT_FALSE(call.Read());
  }
  EXPECT_EQ(b.transport->stats().strangers_refused, 4u);
  EXPECT_EQ(b.recorder.With([](const Seen& seen) { return seen.NoticesWith("not a peer"); }), 1);
}

// R84: one that was removed and comes back with its data is told by whoever knows.
TEST(Refusal, AMemberThatIsNotInTheMembership) {
  TestMember a(1);
  TestMember b(2);
  ASSERT_TRUE(a.Start().ok());
  ASSERT_TRUE(b.Start().ok());
  b.transport->SetPeers({});
  a.transport->SetPeers({b.AsPeer()});
  ExpectRefused(a, b, "not a peer");
}

TEST(Refusal, ACallerThatLostItsData) {
  TestMember a(1);
  TestMember b(2);
  ASSERT_TRUE(a.Start().ok());
  ASSERT_TRUE(b.Start().ok());
  PeerPort::Peer as_it_was = a.AsPeer();
  as_it_was.incarnation = Incarnation{1};
  b.transport->SetPeers({as_it_was});
  a.transport->SetPeers({b.AsPeer()});
  ExpectRefused(a, b, "lost its data");
}

TEST(Refusal, ACalledMemberThatLostItsData) {
  TestMember a(1);
  TestMember b(2);
  ASSERT_TRUE(a.Start().ok());
  ASSERT_TRUE(b.Start().ok());
  PeerPort::Peer as_it_was = b.AsPeer();
  as_it_was.incarnation = Incarnation{1};
  b.transport->SetPeers({a.AsPeer()});
  a.transport->SetPeers({as_it_was});
  ExpectRefused(a, b, "lost its data");
  EXPECT_EQ(b.StatsOf(a.id()).streams_opened, 0u);  // Not even for a moment.
}

TEST(Refusal, APeerUrlThatLeadsToSomebodyElse) {
  TestMember a(1);
  TestMember b(2);
  TestMember c(3);
  ASSERT_TRUE(a.Start().ok());
  ASSERT_TRUE(b.Start().ok());
  ASSERT_TRUE(c.Start().ok());
  PeerPort::Peer wrong = b.AsPeer();
  wrong.urls = {c.url()};
  c.transport->SetPeers({a.AsPeer(), b.AsPeer()});
  a.transport->SetPeers({wrong});
  EXPECT_TRUE(
      c.recorder.WaitFor([](const Seen& seen) { return seen.NoticesWith("looks for member 2") == 1; }));
  EXPECT_TRUE(
      a.recorder.WaitFor([](const Seen& seen) { return seen.NoticesWith("looks for member 2") == 1; }));
}

TEST(Refusal, EndsWhenTheMembershipSaysSo) {
  TestMember a(1);
  TestMember b(2);
  ASSERT_TRUE(a.Start().ok());
  ASSERT_TRUE(b.Start().ok());
  b.transport->SetPeers({});
  a.transport->SetPeers({b.AsPeer()});
  ASSERT_TRUE(a.recorder.WaitFor([](const Seen& seen) { return seen.NoticesWith("not a peer") == 1; }));
  b.transport->SetPeers({a.AsPeer()});
  EXPECT_TRUE(WaitUntilConnected(a, b));
}

TEST(Membership, ARemovedMemberIsDisconnected) {
  TestMember a(1);
  TestMember b(2);
  Connect({&a, &b});
  a.transport->SetPeers({});
  EXPECT_TRUE(b.recorder.WaitFor([&](const Seen& seen) { return seen.unreachable.contains(a.id()); }));
  EXPECT_TRUE(a.transport->stats().peers.empty());
}

TEST(Membership, AStreamOfAnIncarnationThatIsNoLongerTheRightOneIsCut) {
  TestMember a(1);
  TestMember b(2);
  Connect({&a, &b});
  PeerPort::Peer another = a.AsPeer();
  another.incarnation = Incarnation{1};
  b.transport->SetPeers({another});
  EXPECT_TRUE(b.recorder.WaitFor([](const Seen& seen) { return seen.NoticesWith("lost its data") == 1; }));
  EXPECT_FALSE(b.StatsOf(a.id()).connected);
}

TEST(Membership, SayingTheSameAgainDisturbsNothing) {
  TestMember a(1);
  TestMember b(2);
  Connect({&a, &b});
  for (int i = 0; i < 5; ++i) {
    a.transport->SetPeers({a.AsPeer(), b.AsPeer()});
    b.transport->SetPeers({a.AsPeer(), b.AsPeer(false)});
  }
  a.transport->Send(b.id(), testing::Numbered(1));
  a.transport->Flush();
  EXPECT_TRUE(b.recorder.WaitFor([](const Seen& seen) { return seen.messages.size() == 1; }));
  EXPECT_EQ(a.StatsOf(b.id()).streams_opened, 1u);
}

TEST(Membership, AChangedAddressIsDialled) {
  TestMember a(1);
  TestMember b(2);
  ASSERT_TRUE(a.Start().ok());
  ASSERT_TRUE(b.Start().ok());
  b.transport->SetPeers({a.AsPeer()});
  PeerPort::Peer nowhere = b.AsPeer();
  nowhere.urls = {"http://127.0.0.1:1"};
  a.transport->SetPeers({nowhere});
  a.transport->SetPeers({b.AsPeer()});
  EXPECT_TRUE(WaitUntilConnected(a, b));
}

TEST(Membership, OneOfSeveralAddressesIsEnough) {
  TestMember a(1);
  TestMember b(2);
  ASSERT_TRUE(a.Start().ok());
  ASSERT_TRUE(b.Start().ok());
  b.transport->SetPeers({a.AsPeer()});
  PeerPort::Peer several = b.AsPeer();
  several.urls = {"http://127.0.0.1:1", "http://[::1]:1", b.url()};
  a.transport->SetPeers({several});
  EXPECT_TRUE(WaitUntilConnected(a, b));
}

using From = TransportHooks::IncarnationFrom;

std::vector<Recorder::Recorded> RecordedBy(TestMember& member) {
  return member.recorder.With([](const Seen& seen) { return seen.recorded; });
}
std::vector<Recorder::Recorded> Once(const TestMember& member, From from) {
  return {{member.id(), member.options.incarnation, from}};
}

TEST(Incarnation, IsRecordedOfAMemberThatHadNone) {
  TestMember a(1);
  TestMember b(2);
  ASSERT_TRUE(a.Start().ok());
  ASSERT_TRUE(b.Start().ok());
  a.transport->SetPeers({b.AsPeer(false)});
  b.transport->SetPeers({a.AsPeer(false)});
  ASSERT_TRUE(WaitUntilConnected(a, b));
  EXPECT_EQ(RecordedBy(a), Once(b, From::kMember));
  EXPECT_EQ(RecordedBy(b), Once(a, From::kMember));
}

// What names it may be applied and not flushed, and forgotten in a crash.
TEST(Incarnation, IsRecordedOfAMemberThatHasOneToo) {
  TestMember a(1);
  TestMember b(2);
  Connect({&a, &b});
  ASSERT_TRUE(WaitUntilConnected(a, b));
  EXPECT_EQ(RecordedBy(a), Once(b, From::kMembership));
  EXPECT_EQ(RecordedBy(b), Once(a, From::kMembership));
}

TEST(Incarnation, AMemberThatIsRemovedWhileItIsBeingRecordedStaysOut) {
  TestMember a(2);
  TestMember b(1);  // Dials: the accepting side looks twice anyway.
  b.hooks.record_incarnation = [&b](NodeId, Incarnation, From) {
    b.transport->SetPeers({});
    return absl::OkStatus();
  };
  ASSERT_TRUE(a.Start().ok());
  ASSERT_TRUE(b.Start().ok());
  b.transport->SetPeers({a.AsPeer(false)});
  a.transport->SetPeers({b.AsPeer()});
  EXPECT_TRUE(a.recorder.WaitFor([](const Seen& seen) { return seen.NoticesWith("not a peer") == 1; }));
  EXPECT_EQ(b.StatsOf(a.id()).streams_opened, 0u);
}

// On both sides of a stream: the accepting one refuses, the dialling one breaks off.
class AFullDisk : public ::testing::TestWithParam<std::uint64_t> {};
TEST_P(AFullDisk, LetsNobodyInWhoCannotBeRecorded) {
  TestMember full(GetParam());
  TestMember other(2);
  full.recorder.SetDiskFull(true);
  full.options.refused_pause = other.options.refused_pause = std::chrono::milliseconds(10);
  ASSERT_TRUE(full.Start().ok());
  ASSERT_TRUE(other.Start().ok());
  full.transport->SetPeers({other.AsPeer(false)});
  other.transport->SetPeers({full.AsPeer(false)});
  ASSERT_TRUE(full.recorder.WaitFor([](const Seen& seen) { return seen.not_recorded >= 2; }));
  EXPECT_TRUE(
      other.recorder.WaitFor([](const Seen& seen) { return seen.NoticesWith("no space left") == 1; }));
  other.transport->Send(full.id(), Numbered(1));
  other.transport->Flush();
  EXPECT_TRUE(full.recorder.With([](const Seen& seen) { return seen.messages.empty(); }));
  EXPECT_TRUE(RecordedBy(full).empty());

  full.recorder.SetDiskFull(false);
  ASSERT_TRUE(WaitUntilConnected(full, other));
  EXPECT_EQ(RecordedBy(full), Once(other, From::kMember));
}
INSTANTIATE_TEST_SUITE_P(Both, AFullDisk, ::testing::Values(1, 3));

TEST(Incarnation, OneThatCouldNotBeRecordedIsHeldAgainstTheMemberAllTheSame) {
  TestMember a(1);
  TestMember b(2);
  b.recorder.SetDiskFull(true);
  ASSERT_TRUE(a.Start().ok());
  ASSERT_TRUE(b.Start().ok());
  b.transport->SetPeers({a.AsPeer(false)});
  a.transport->SetPeers({b.AsPeer()});
  ASSERT_TRUE(b.recorder.WaitFor([](const Seen& seen) { return seen.not_recorded >= 1; }));
  a.Stop();
  a.options.incarnation = Incarnation{666};
  b.recorder.SetDiskFull(false);
  ASSERT_TRUE(a.Start().ok());
  a.transport->SetPeers({b.AsPeer()});
  EXPECT_TRUE(b.recorder.WaitFor([](const Seen& seen) { return seen.NoticesWith("lost its data") == 1; }));
  EXPECT_TRUE(RecordedBy(b).empty());
}

TEST(Incarnation, TheFirstThatWasSeenIsHeldAgainstTheMember) {
  TestMember a(1);
  TestMember b(2);
  ASSERT_TRUE(a.Start().ok());
  ASSERT_TRUE(b.Start().ok());
  a.transport->SetPeers({b.AsPeer()});
  b.transport->SetPeers({a.AsPeer(false)});
  ASSERT_TRUE(WaitUntilConnected(a, b));
  a.Stop();
  a.options.incarnation = Incarnation{666};
  ASSERT_TRUE(a.Start().ok());
  a.transport->SetPeers({b.AsPeer()});
  EXPECT_TRUE(a.recorder.WaitFor([](const Seen& seen) { return seen.NoticesWith("lost its data") == 1; }));
  EXPECT_TRUE(b.recorder.WaitFor([](const Seen& seen) { return seen.NoticesWith("lost its data") == 1; }));
}

}  // namespace
}  // namespace cairn::raft
