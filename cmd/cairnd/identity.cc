#include "cmd/cairnd/identity.h"

#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <utility>

namespace cairn::node {
namespace {

// The first eight bytes of SHA-1, most significant first. A name, not a protection.
std::uint64_t ShortHash(std::string_view bytes) {
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest;
  SHA1(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  std::uint64_t value = 0;
  for (int i = 0; i < 8; ++i) value = value << 8 | digest[static_cast<std::size_t>(i)];
  return value;
}

}  // namespace

raft::NodeId MemberIdOf(const std::vector<std::string>& sorted_peer_urls, std::string_view cluster_token) {
  std::string bytes;
  for (const std::string& url : sorted_peer_urls) bytes += url;
  bytes += cluster_token;
  return raft::NodeId{ShortHash(bytes)};
}

raft::ClusterId ClusterIdOf(std::vector<raft::NodeId> members) {
  std::sort(members.begin(), members.end());
  std::string bytes;
  for (const raft::NodeId member : members) {
    for (int shift = 56; shift >= 0; shift -= 8) {
      bytes.push_back(static_cast<char>(member.value() >> shift & 0xff));
    }
  }
  return raft::ClusterId{ShortHash(bytes)};
}

Bootstrap MakeBootstrap(const Settings& settings) {
  Bootstrap bootstrap;
  bootstrap.self = MemberIdOf(settings.advertise_peer_urls, settings.cluster_token);
  for (const ClusterEntry& entry : settings.initial_cluster) {
    kv::MemberInfo member;
    member.id = MemberIdOf(entry.urls, settings.cluster_token);
    member.peer_urls = entry.urls;  // Its name it publishes itself, once it has started.
    bootstrap.members.config.voters.push_back(member.id);
    bootstrap.members.members.push_back(std::move(member));
  }
  std::sort(bootstrap.members.config.voters.begin(), bootstrap.members.config.voters.end());
  std::sort(bootstrap.members.members.begin(), bootstrap.members.members.end(),
            [](const kv::MemberInfo& a, const kv::MemberInfo& b) { return a.id < b.id; });
  bootstrap.cluster = ClusterIdOf(bootstrap.members.config.voters);
  return bootstrap;
}

}  // namespace cairn::node
