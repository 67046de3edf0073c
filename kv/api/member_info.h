#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace cairn::kv {

// A member as clients see it (Cluster.MemberList). A member that has never started has no name and no client
// URLs.
struct MemberInfo {
  std::uint64_t id = 0;
  std::string name;
  std::vector<std::string> peer_urls;
  std::vector<std::string> client_urls;
  bool learner = false;
};

}  // namespace cairn::kv
