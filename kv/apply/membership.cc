#include "kv/apply/membership.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "kv/store/schema.h"
#include "raft/base/probe.h"
#include "raft/base/status.h"
#include "raft/core/member_config.h"

namespace cairn::kv {
namespace {

const MemberInfo* Find(const std::vector<MemberInfo>& members, raft::NodeId id) {
  const auto found = std::find_if(members.begin(), members.end(),
                                  [id](const MemberInfo& member) { return member.id == id; });
  return found == members.end() ? nullptr : &*found;
}

}  // namespace

absl::StatusOr<Members> MembersAfter(const Members& before, std::string_view payload) {
  CAIRN_ASSIGN_OR_RETURN(raft::Membership membership, raft::DecodeMembership(payload));
  std::vector<MemberInfo> told;
  if (absl::StatusOr<Members> decoded = schema::DecodeMembers(payload); decoded.ok()) {
    told = std::move(decoded->members);
  } else {
    CAIRN_PROBE("membership_context_unknown");  // All members see the same bytes and do the same.
  }
  Members after{.config = std::move(membership.config), .members = {}};
  for (const raft::NodeId id : after.config.All()) {
    const MemberInfo* info = Find(told, id);
    if (info == nullptr) info = Find(before.members, id);
    MemberInfo member = info == nullptr ? MemberInfo{.id = id} : *info;
    member.learner = after.config.IsLearner(id);
    after.members.push_back(std::move(member));
  }
  return after;
}

}  // namespace cairn::kv
