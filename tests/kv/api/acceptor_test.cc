#include "kv/api/acceptor.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "raft/base/status.h"
#include "tests/kv/api/raw_client.h"

namespace cairn::kv::api {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

class AcceptorTest : public testing::Test {
 protected:
  void Start(std::size_t max_half_open = 100, std::chrono::milliseconds deadline = std::chrono::seconds(60),
             int max_descriptor = std::numeric_limits<int>::max()) {
    auto bound = Acceptor::Bind({.listen = {{.host = "127.0.0.1", .port = 0}},
                                 .max_half_open = max_half_open,
                                 .half_open_deadline = deadline,
                                 .max_descriptor = max_descriptor});
    ASSERT_TRUE(bound.ok()) << bound.status();
    acceptor_ = *std::move(bound);
    port_ = acceptor_->ports().at(0);
    acceptor_->Start([this](UniqueFd socket, std::string bytes) { Keep(http2_, socket, bytes); },
                     [this](UniqueFd socket, std::string bytes) { Keep(http1_, socket, bytes); });
  }

  struct Received {
    UniqueFd socket;
    std::string bytes;
  };
  void Keep(std::vector<Received>& list, UniqueFd& socket, std::string& bytes) {
    const absl::MutexLock lock(&mu_);
    list.push_back({std::move(socket), std::move(bytes)});
  }
  std::string Await(const std::vector<Received>& list, std::size_t count) {
    const absl::MutexLock lock(&mu_);
    const auto enough = [&] { return list.size() >= count; };
    EXPECT_TRUE(mu_.AwaitWithTimeout(absl::Condition(&enough), absl::Seconds(10)));
    return list.size() < count ? std::string() : list[count - 1].bytes;
  }

  absl::Mutex mu_;
  std::vector<Received> http2_;
  std::vector<Received> http1_;
  std::unique_ptr<Acceptor> acceptor_;
  std::uint16_t port_ = 0;
};

TEST_F(AcceptorTest, GivesEachProtocolItsConnectionsWithTheBytesRead) {
  Start();
  RawClient http2(port_);
  http2.Send(kPreface);
  EXPECT_TRUE(Await(http2_, 1).starts_with(kPreface));
  RawClient http1(port_);
  http1.Send("GET /");
  EXPECT_EQ(Await(http1_, 1), "GET /");
}

TEST_F(AcceptorTest, WaitsForAPrefaceThatComesByteByByte) {
  Start();
  RawClient client(port_);
  for (const char c : kPreface) client.Send(std::string(1, c));
  EXPECT_EQ(Await(http2_, 1), kPreface);
}

TEST_F(AcceptorTest, ClosesWhatSpeaksNeither) {
  Start();
  RawClient client(port_);
  client.Send("\x16\x03\x01 a TLS greeting");
  EXPECT_TRUE(client.AwaitClose());
}

TEST_F(AcceptorTest, ClosesTheSilentAtTheirDeadline) {
  Start(100, std::chrono::milliseconds(50));
  RawClient silent(port_);
  RawClient halting(port_);
  halting.Send("PRI * HT");
  EXPECT_TRUE(silent.AwaitClose());
  EXPECT_TRUE(halting.AwaitClose());
}

TEST_F(AcceptorTest, AFloodOfSilentConnectionsKeepsNobodyOut) {
  Start(3);
  std::vector<std::unique_ptr<RawClient>> silent;
  for (int i = 0; i < 5; ++i) silent.push_back(std::make_unique<RawClient>(port_));
  RawClient client(port_);
  client.Send(kPreface);
  EXPECT_EQ(Await(http2_, 1), kPreface);
  EXPECT_TRUE(silent[0]->AwaitClose());
  EXPECT_TRUE(silent[1]->AwaitClose());
  EXPECT_LE(acceptor_->half_open(), 3U);
}

TEST_F(AcceptorTest, ClientsThatCloseAtOnceLeaveNothingBehind) {
  Start();
  for (int i = 0; i < 20; ++i) RawClient gone(port_);
  RawClient client(port_);
  client.Send("GET / HTTP/1.1\r\n");
  Await(http1_, 1);
  EXPECT_EQ(acceptor_->half_open(), 0U);
}

TEST_F(AcceptorTest, StopClosesTheConnectionsThatSaidNothing) {
  Start();
  RawClient silent(port_);
  acceptor_->Stop();
  EXPECT_TRUE(silent.AwaitClose());
}

TEST_F(AcceptorTest, SaysWhichAddressIsTaken) {
  Start();
  const auto second = Acceptor::Bind({.listen = {{.host = "127.0.0.1", .port = port_}}});
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(MessageOf(second.status()),
            "cannot listen on 127.0.0.1:" + std::to_string(port_) + ": Address already in use");
}

// Descriptors are given out lowest first, to clients as to the log: those above a number are not for clients.
TEST_F(AcceptorTest, ConnectionsDoNotTakeTheLastDescriptors) {
  // The acceptor's own three, and both ends of two connections.
  std::vector<UniqueFd> next;
  for (int i = 0; i < 3 + 4; ++i) next.emplace_back(::dup(STDERR_FILENO));
  const int limit = next.back().get() + 1;
  next.clear();
  Start(100, std::chrono::seconds(60), limit);
  RawClient one(port_);
  one.Send("GET /");
  EXPECT_EQ(Await(http1_, 1), "GET /");
  RawClient two(port_);
  two.Send("GET /");
  EXPECT_EQ(Await(http1_, 2), "GET /");
  {
    RawClient three(port_);
    three.Send("GET /");
    EXPECT_TRUE(three.AwaitClose());
  }
  {
    const absl::MutexLock lock(&mu_);
    http1_.clear();
  }
  RawClient four(port_);
  four.Send("GET /");
  EXPECT_EQ(Await(http1_, 1), "GET /");
}

}  // namespace
}  // namespace cairn::kv::api
