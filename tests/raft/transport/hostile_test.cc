#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "health/health.grpc.pb.h"
#include "raft/base/rng.h"
#include "raft/transport/codec.h"
#include "tests/raft/transport/memory_snapshot.h"
#include "tests/raft/transport/random_frame.h"
#include "tests/raft/transport/raw_call.h"
#include "tests/raft/transport/recorder.h"

// Whoever else connects to the peer port does no harm.
namespace cairn::raft {
namespace {

using testing::Connect;
using testing::Flatten;
using testing::Numbered;
using testing::RawCall;
using testing::Recorder;
using testing::TestMember;
using Seen = Recorder::Seen;

// A TCP connection to a port of the loopback interface.
class Socket {
 public:
  explicit Socket(std::uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  }
  ~Socket() { close(fd_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  void Send(std::string_view bytes) const { (void)send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }

 private:
  const int fd_;
};

std::string RandomBytes(Rng& rng, std::size_t size) {
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(rng.Next());
  return bytes;
}

class Hostile : public ::testing::Test {
 protected:
  void SetUp() override { Connect({&a_, &b_}); }

  // The streams of before are still up and carry messages.
  void ExpectUnharmed() {
    const std::uint64_t number = ++numbers_;
    a_.transport->Send(b_.id(), Numbered(number, 3000));
    a_.transport->Flush();
    b_.transport->Send(a_.id(), Numbered(number, 3000));
    b_.transport->Flush();
    for (TestMember* member : {&a_, &b_}) {
      EXPECT_TRUE(member->recorder.WaitFor([&](const Seen& seen) { return seen.messages.size() == number; }));
    }
    EXPECT_EQ(a_.StatsOf(b_.id()).streams_opened, 1u);
  }

  // What a stranger reads back, to the end of its stream.
  static grpc::Status EndOf(RawCall& call) {
    while (call.Read()) {
    }
    return call.Finish();
  }

  Hello GoodHello() const {
    return {.protocol = Hello::kProtocol,
            .cluster = b_.options.cluster,
            .member = a_.id(),
            .receiver = b_.id(),
            .incarnation = a_.options.incarnation};
  }

  TestMember a_{1};
  TestMember b_{2};
  std::uint64_t numbers_ = 0;
};

TEST_F(Hostile, HalfOpenConnections) {
  std::vector<std::unique_ptr<Socket>> sockets;
  for (int i = 0; i < 100; ++i) sockets.push_back(std::make_unique<Socket>(b_.port()));
  sockets[0]->Send("PRI * HTTP/2.0\r\n");  // The beginning of a beginning.
  ExpectUnharmed();
  sockets.clear();
  ExpectUnharmed();
}

TEST_F(Hostile, GarbageOnThePort) {
  Rng rng(1);
  for (int i = 0; i < 50; ++i) {
    const Socket socket(b_.port());
    if (i % 2 == 1) socket.Send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    socket.Send(RandomBytes(rng, rng.Below(5000)));
  }
  Socket(b_.port()).Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  ExpectUnharmed();
}

TEST_F(Hostile, GarbageInsteadOfAnIntroduction) {
  Rng rng(2);
  for (int i = 0; i < 30; ++i) {
    RawCall call(b_.port(), testing::kExchangeMethod);
    call.Write(RandomBytes(rng, rng.Below(100)));
    EXPECT_EQ(EndOf(call).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  }
  EXPECT_EQ(b_.transport->stats().strangers_refused, 30u);
  ExpectUnharmed();
}

TEST_F(Hostile, AnIntroductionThatIsTooLong) {
  RawCall call(b_.port(), testing::kExchangeMethod);
  Frame frame{.hello = GoodHello(), .refused = {}, .messages = {Numbered(1, 100000)}, .ping = {}, .pong = {}};
  call.Write(EncodeFrame(frame));
  EXPECT_EQ(EndOf(call).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  ExpectUnharmed();
}

TEST_F(Hostile, MessagesWithoutAnIntroduction) {
  RawCall call(b_.port(), testing::kExchangeMethod);
  call.Write(EncodeFrame({.hello = {}, .refused = {}, .messages = {Numbered(1)}, .ping = {}, .pong = {}}));
  EXPECT_EQ(EndOf(call).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  ExpectUnharmed();
}

TEST_F(Hostile, SilenceIsCutOff) {
  TestMember c(3);
  c.options.hello_timeout = std::chrono::milliseconds(50);
  ASSERT_TRUE(c.Start().ok());
  for (const char* method : {testing::kExchangeMethod, testing::kSnapshotMethod}) {
    RawCall call(c.port(), method);
    EXPECT_EQ(EndOf(call).error_code(), grpc::StatusCode::CANCELLED);
  }
}

// However many there are that say nothing, a member gets in, and they do not add up.
class Crowd : public ::testing::TestWithParam<const char*> {};
TEST_P(Crowd, OfManyThatSayNothingOnlySixteenStay) {
  TestMember a(1);
  TestMember c(3);
  c.options.hello_timeout = std::chrono::seconds(60);  // So that it is not what ends them.
  const testing::SnapshotContent content = testing::RandomContent({10});
  testing::SnapshotShelf shelf;
  a.hooks.open_snapshot = testing::Opens(content);
  c.hooks.receive_snapshot = shelf.Receives();
  ASSERT_TRUE(a.Start().ok());
  ASSERT_TRUE(c.Start().ok());
  std::vector<std::unique_ptr<RawCall>> calls;
  for (int i = 0; i < 40; ++i) calls.push_back(std::make_unique<RawCall>(c.port(), GetParam()));
  const auto ended = [&calls] {
    return std::ranges::count_if(calls, [](const auto& call) { return call->HasEnded(); });
  };
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(8);
  while (ended() < 24 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_EQ(ended(), 24);
  a.transport->SetPeers({c.AsPeer()});
  c.transport->SetPeers({a.AsPeer()});
  EXPECT_TRUE(testing::WaitUntilConnected(a, c));
  a.transport->SendSnapshot(c.id(), Term{5});
  EXPECT_TRUE(a.recorder.WaitFor([](const Seen& seen) { return seen.sent.size() == 1; }));
  EXPECT_EQ(a.recorder.With([](const Seen& seen) { return seen.sent.at(0).second; }), Index{1234});
}
INSTANTIATE_TEST_SUITE_P(Methods, Crowd,
                         ::testing::Values(testing::kExchangeMethod, testing::kSnapshotMethod));

TEST_F(Hostile, CompressedCallsAreRefused) {
  RawCall call(b_.port(), testing::kExchangeMethod, GRPC_COMPRESS_GZIP);
  call.Write(EncodeFrame({.hello = GoodHello(), .refused = {}, .messages = {}, .ping = {}, .pong = {}}));
  EXPECT_EQ(EndOf(call).error_code(), grpc::StatusCode::UNIMPLEMENTED);
  ExpectUnharmed();
}

TEST_F(Hostile, UnknownMethodsAreUnimplemented) {
  RawCall call(b_.port(), "/no.such.Service/Method");
  EXPECT_EQ(EndOf(call).error_code(), grpc::StatusCode::UNIMPLEMENTED);
  ExpectUnharmed();
}

// The higher id never dials, so nobody can take the place of a stream by pretending to be it.
TEST_F(Hostile, AHigherIdThatDials) {
  RawCall call(a_.port(), testing::kExchangeMethod);
  Hello hello = GoodHello();
  hello.member = b_.id();
  hello.receiver = a_.id();
  hello.incarnation = b_.options.incarnation;
  call.Write(EncodeFrame({.hello = hello, .refused = {}, .messages = {}, .ping = {}, .pong = {}}));
  const grpc::Status status = EndOf(call);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_NE(status.error_message().find("the lower id dials"), std::string::npos);
  ExpectUnharmed();
}

// A peer whose frames arrive damaged: nothing of the frame is delivered, and the stream is made anew.
TEST(Damage, OnAnAgreedStreamBreaksItAndDeliversNothing) {
  TestMember b(2);
  ASSERT_TRUE(b.Start().ok());
  b.transport->SetPeers({{.id = NodeId{1}, .urls = {}, .incarnation = {}}});
  RawCall call(b.port(), testing::kExchangeMethod);
  const Hello hello{
      .cluster = b.options.cluster, .member = NodeId{1}, .receiver = b.id(), .incarnation = Incarnation{1}};
  ASSERT_TRUE(
      call.Write(EncodeFrame({.hello = hello, .refused = {}, .messages = {}, .ping = {}, .pong = {}})));
  const auto answer = call.Read();
  ASSERT_TRUE(answer);
  EXPECT_EQ(DecodeFrame(*answer)->hello->member, b.id());
  ASSERT_TRUE(call.Write(
      EncodeFrame({.hello = {}, .refused = {}, .messages = {Numbered(1, 2000)}, .ping = {}, .pong = {}})));
  ASSERT_TRUE(b.recorder.WaitFor([](const Seen& seen) { return seen.messages.size() == 1; }));
  std::string damaged = Flatten(EncodeFrame(
      {.hello = {}, .refused = {}, .messages = {Numbered(2), Numbered(3, 2000)}, .ping = {}, .pong = {}}));
  damaged.back() = static_cast<char>(damaged.back() ^ 1);
  call.Write(damaged);
  while (call.Read()) {
  }
  EXPECT_EQ(call.Finish().error_code(), grpc::StatusCode::DATA_LOSS);
  EXPECT_TRUE(b.recorder.WaitFor([](const Seen& seen) { return seen.NoticesWith("checksum") == 1; }));
  EXPECT_TRUE(b.recorder.WaitFor([](const Seen& seen) { return seen.unreachable.contains(NodeId{1}); }));
  EXPECT_EQ(b.recorder.With([](const Seen& seen) { return seen.messages.size(); }), 1u);
}

// The membership changes between the hello, which was let in, and the frame that confirms it.
class BetweenHelloAndConfirmation : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(b_.Start().ok());
    b_.transport->SetPeers({Peer()});
  }

  static PeerPort::Peer Peer(std::optional<Incarnation> incarnation = {}) {
    return {.id = NodeId{1}, .urls = {}, .incarnation = incarnation};
  }

  // Introduces itself as member 1 and hears that it was let in.
  void Introduce(RawCall& call) const {
    const Hello hello{.cluster = b_.options.cluster,
                      .member = NodeId{1},
                      .receiver = b_.id(),
                      .incarnation = Incarnation{1}};
    ASSERT_TRUE(
        call.Write(EncodeFrame({.hello = hello, .refused = {}, .messages = {}, .ping = {}, .pong = {}})));
    const auto answer = call.Read();
    ASSERT_TRUE(answer);
    ASSERT_TRUE(DecodeFrame(*answer)->hello);
  }

  static bool Say(RawCall& call, std::uint64_t number) {
    return call.Write(
        EncodeFrame({.hello = {}, .refused = {}, .messages = {Numbered(number)}, .ping = {}, .pong = {}}));
  }

  void ExpectTurnedAway(RawCall& call, std::string_view why) {
    Say(call, 1);
    while (call.Read()) {
    }
    const grpc::Status status = call.Finish();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
    EXPECT_NE(status.error_message().find(why), std::string::npos) << status.error_message();
    EXPECT_TRUE(b_.recorder.With([](const Seen& seen) { return seen.messages.empty(); }));
    EXPECT_FALSE(b_.StatsOf(NodeId{1}).connected);
  }

  TestMember b_{2};
};

TEST_F(BetweenHelloAndConfirmation, ARemovedMemberStaysOut) {
  RawCall call(b_.port(), testing::kExchangeMethod);
  Introduce(call);
  b_.transport->SetPeers({});
  ExpectTurnedAway(call, "not a peer");
}

TEST_F(BetweenHelloAndConfirmation, AnIncarnationThatIsNotTheRightOneStaysOut) {
  RawCall call(b_.port(), testing::kExchangeMethod);
  Introduce(call);
  b_.transport->SetPeers({Peer(Incarnation{2})});
  ExpectTurnedAway(call, "lost its data");
}

// It may refuse us at any time, and need not end the call then: we do.
TEST(Hostility, OfAPeerThatRefusesAnAgreedStreamAndStays) {
  testing::RawServer b;
  TestMember a(1);
  ASSERT_TRUE(a.Start().ok());
  a.transport->SetPeers({{.id = NodeId{2}, .urls = {b.url()}, .incarnation = {}}});
  ASSERT_TRUE(b.Accept());
  ASSERT_TRUE(b.Read());
  const Hello hello{
      .cluster = a.options.cluster, .member = NodeId{2}, .receiver = a.id(), .incarnation = Incarnation{2}};
  ASSERT_TRUE(b.Write(EncodeFrame({.hello = hello, .refused = {}, .messages = {}, .ping = {}, .pong = {}})));
  ASSERT_TRUE(b.Read());
  ASSERT_TRUE(
      b.Write(EncodeFrame({.hello = {}, .refused = "no more", .messages = {}, .ping = {}, .pong = {}})));
  EXPECT_TRUE(b.Accept());  // It dials anew.
  EXPECT_EQ(a.recorder.With([](const Seen& seen) { return seen.NoticesWith("no more"); }), 1);
}

class Health final : public grpc::health::v1::Health::Service {
  grpc::Status Check(grpc::ServerContext* /*context*/,
                     const grpc::health::v1::HealthCheckRequest* /*request*/,
                     grpc::health::v1::HealthCheckResponse* response) override {
    response->set_status(grpc::health::v1::HealthCheckResponse::SERVING);
    return grpc::Status::OK;
  }
};

TEST(PeerPortServices, AreServedBesideTheStreams) {
  Health health;
  TestMember a(1);
  TestMember b(2);
  b.options.services = {&health};
  Connect({&a, &b});
  const auto channel =
      grpc::CreateChannel(fmt::format("127.0.0.1:{}", b.port()), grpc::InsecureChannelCredentials());
  grpc::ClientContext context;
  grpc::health::v1::HealthCheckResponse response;
  EXPECT_TRUE(grpc::health::v1::Health::NewStub(channel)->Check(&context, {}, &response).ok());
  EXPECT_EQ(response.status(), grpc::health::v1::HealthCheckResponse::SERVING);
}

}  // namespace
}  // namespace cairn::raft
