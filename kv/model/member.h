#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "raft/base/types.h"
#include "raft/core/member_config.h"

namespace cairn::kv {

// What every member knows of one member: its place in the configuration and what it said of itself.
struct MemberInfo {
  raft::NodeId id{};
  std::string name{};  // Empty until the member has published itself.
  std::vector<std::string> client_urls{};
  std::vector<std::string> peer_urls{};
  std::optional<raft::Incarnation> incarnation{};  // Nothing until the member has published itself.
  bool learner = false;

  friend bool operator==(const MemberInfo&, const MemberInfo&) = default;
};

// The members of a cluster as of one applied entry, sorted by id: exactly those `config` names.
struct Members {
  raft::MemberConfig config{};
  std::vector<MemberInfo> members{};

  friend bool operator==(const Members&, const Members&) = default;
};

}  // namespace cairn::kv
