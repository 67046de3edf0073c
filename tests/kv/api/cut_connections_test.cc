#include "kv/api/cut_connections.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>

#include "kv/api/unique_fd.h"
#include "tests/kv/api/raw_client.h"

namespace cairn::kv::api {
namespace {

// A socket that listens on a free port of loopback, and one connection to it.
class Listener {
 public:
  Listener() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(::listen(socket_.get(), 1), 0);
  }

  [[nodiscard]] UniqueFd Accept() { return UniqueFd(::accept(socket_.get(), nullptr, nullptr)); }

  [[nodiscard]] std::uint16_t port() const {
    sockaddr_in address{};
    socklen_t length = sizeof(address);
    EXPECT_EQ(::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &length), 0);
    return ntohs(address.sin_port);
  }
  [[nodiscard]] bool listens() const {
    int listens = 0;
    socklen_t length = sizeof(listens);
    EXPECT_EQ(::getsockopt(socket_.get(), SOL_SOCKET, SO_ACCEPTCONN, &listens, &length), 0);
    return listens != 0;
  }

 private:
  UniqueFd socket_;
};

TEST(CutConnections, EndsThoseOfThePortAndNoOthers) {
  Listener cut;
  Listener kept;
  RawClient cut_client(cut.port());
  RawClient kept_client(kept.port());
  const UniqueFd cut_connection = cut.Accept();
  const UniqueFd kept_connection = kept.Accept();
  CutConnections({cut.port()});
  EXPECT_TRUE(cut_client.AwaitClose());
  ASSERT_EQ(::send(kept_connection.get(), "kept", 4, MSG_NOSIGNAL), 4);
  EXPECT_EQ(kept_client.ReadUntil("kept"), "kept");
}

// Another server of this process may have the port by then.
TEST(CutConnections, WhoListensOnThePortGoesOn) {
  const Listener listener;
  CutConnections({listener.port()});
  EXPECT_TRUE(listener.listens());
}

}  // namespace
}  // namespace cairn::kv::api
