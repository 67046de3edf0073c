#include "raft/transport/peer_url.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "raft/base/status.h"

namespace cairn::raft {
namespace {

constexpr std::string_view kHttp = "http://";
constexpr std::string_view kHttps = "https://";

absl::Status Refuse(std::string_view text, std::string_view why) {
  return absl::InvalidArgumentError(fmt::format("peer URL \"{}\": {}", text, why));
}

bool IsLiteral(int family, const std::string& host) {
  unsigned char address[sizeof(in6_addr)];
  return inet_pton(family, host.c_str(), address) == 1;
}

// Letters, digits, dots, dashes and underscores: what a host name may have, and nothing that gRPC would read
// as part of a target's syntax.
bool IsName(std::string_view host) {
  return !host.empty() && std::ranges::all_of(host, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
  });
}

}  // namespace

std::string PeerUrl::host_and_port() const {
  return kind == HostKind::kIpv6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

absl::StatusOr<PeerUrl> ParsePeerUrl(std::string_view text) {
  std::string_view rest = text;
  if (rest.starts_with(kHttps)) {
    return Refuse(text, "https between members is not supported yet; use http on a network you trust");
  }
  if (!rest.starts_with(kHttp)) return Refuse(text, "it has to begin with http://");
  rest.remove_prefix(kHttp.size());
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.find('/') != std::string_view::npos) return Refuse(text, "nothing may follow the port");

  const std::size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos) return Refuse(text, "the port is missing");
  const std::string_view port = rest.substr(colon + 1);
  std::string_view host = rest.substr(0, colon);
  PeerUrl url;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), url.port);
  if (error != std::errc() || end != port.data() + port.size()) {
    return Refuse(text, "the port has to be a number from 0 to 65535");
  }
  const bool bracketed = host.starts_with('[') && host.ends_with(']') && host.size() > 2;
  if (bracketed) host = host.substr(1, host.size() - 2);
  url.host = std::string(host);
  if (bracketed && IsLiteral(AF_INET6, url.host)) {
    url.kind = PeerUrl::HostKind::kIpv6;
  } else if (!bracketed && IsLiteral(AF_INET, url.host)) {
    url.kind = PeerUrl::HostKind::kIpv4;
  } else if (!bracketed && IsName(host)) {
    url.kind = PeerUrl::HostKind::kName;
  } else {
    return Refuse(text, "the host has to be a name, an IPv4 address, or an IPv6 address in brackets");
  }
  return url;
}

std::vector<std::string> DialTargets(const std::vector<PeerUrl>& urls) {
  std::vector<std::string> targets;
  const auto join = [&](PeerUrl::HostKind kind, std::string_view scheme) {
    std::string target;
    for (const PeerUrl& url : urls) {
      if (url.kind != kind) continue;
      target += target.empty() ? std::string(scheme) : ",";
      target += url.host_and_port();
    }
    if (!target.empty()) targets.push_back(std::move(target));
  };
  join(PeerUrl::HostKind::kIpv4, "ipv4:");
  join(PeerUrl::HostKind::kIpv6, "ipv6:");
  for (const PeerUrl& url : urls) {
    if (url.kind == PeerUrl::HostKind::kName) targets.push_back("dns:///" + url.host_and_port());
  }
  return targets;
}

}  // namespace cairn::raft
