#include "raft/transport/peer_url.h"

#include <gtest/gtest.h>

#include "raft/base/status.h"

namespace cairn::raft {
namespace {

TEST(PeerUrl, ReadsNamesAndAddresses) {
  using Kind = PeerUrl::HostKind;
  EXPECT_EQ(*ParsePeerUrl("http://127.0.0.1:2380"),
            (PeerUrl{.host = "127.0.0.1", .port = 2380, .kind = Kind::kIpv4}));
  EXPECT_EQ(*ParsePeerUrl("http://[::1]:2380/"), (PeerUrl{.host = "::1", .port = 2380, .kind = Kind::kIpv6}));
  EXPECT_EQ(*ParsePeerUrl("http://node-1.example:0"),
            (PeerUrl{.host = "node-1.example", .port = 0, .kind = Kind::kName}));
  EXPECT_EQ(ParsePeerUrl("http://[::1]:2380")->host_and_port(), "[::1]:2380");
}

TEST(PeerUrl, RefusesEverythingElseNamingIt) {
  for (const char* text : {"", "127.0.0.1:2380", "http://", "http://host", "http://host:", "http://host:x",
                           "http://host:65536", "http://host:-1", "http://:2380", "http://a,b:1",
                           "http://host:1/path", "http://::1:2380", "http://[host]:1", "http://[]:1",
                           "http://ho st:1", "https://host:1", "unix://socket:1", "http://host:1 "}) {
    const auto url = ParsePeerUrl(text);
    EXPECT_EQ(url.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_NE(MessageOf(url.status()).find(text), std::string_view::npos) << url.status();
  }
}

TEST(PeerUrl, AddressesOfOneFamilyAreDialledTogether) {
  std::vector<PeerUrl> urls;
  for (const char* text : {"http://10.0.0.1:1", "http://name:2", "http://[::1]:3", "http://10.0.0.2:4"}) {
    urls.push_back(*ParsePeerUrl(text));
  }
  EXPECT_EQ(DialTargets(urls),
            (std::vector<std::string>{"ipv4:10.0.0.1:1,10.0.0.2:4", "ipv6:[::1]:3", "dns:///name:2"}));
  EXPECT_TRUE(DialTargets({}).empty());
}

}  // namespace
}  // namespace cairn::raft
