#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::raft {

// Where a member listens for its peers.
struct PeerUrl {
  enum class HostKind : std::uint8_t { kIpv4, kIpv6, kName };

  std::string host;  // Without brackets.
  std::uint16_t port = 0;
  HostKind kind = HostKind::kName;

  [[nodiscard]] std::string host_and_port() const;  // IPv6 in brackets.

  friend bool operator==(const PeerUrl&, const PeerUrl&) = default;
};

// Reads http://host:port. InvalidArgument with a sentence for everything else; https is not supported yet.
absl::StatusOr<PeerUrl> ParsePeerUrl(std::string_view text);

// What to dial to reach any of them, as names for gRPC to try in turn: literal addresses of one family share
// one name, and gRPC tries them one after the other by itself.
std::vector<std::string> DialTargets(const std::vector<PeerUrl>& urls);

}  // namespace cairn::raft
