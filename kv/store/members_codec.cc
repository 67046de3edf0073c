#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "cairn/command.pb.h"
#include "kv/store/schema.h"
#include "raft/base/status.h"
#include "raft/core/member_config.h"

// The members row: EncodeMembership() of the configuration with a cairn.kv.v1.MemberDirectory as its context.
namespace cairn::kv::schema {

std::string EncodeMembers(const Members& members) {
  v1::MemberDirectory directory;
  for (const MemberInfo& member : members.members) {
    v1::MemberAttributes& attributes = *directory.add_members();
    attributes.set_member_id(member.id.value());
    attributes.set_name(member.name);
    for (const std::string& url : member.client_urls) attributes.add_client_urls(url);
    for (const std::string& url : member.peer_urls) attributes.add_peer_urls(url);
    attributes.set_incarnation(member.incarnation ? member.incarnation->value() : 0);
  }
  return raft::EncodeMembership({.config = members.config, .context = directory.SerializeAsString()});
}

absl::StatusOr<Members> DecodeMembers(std::string_view value) {
  CAIRN_ASSIGN_OR_RETURN(raft::Membership membership, raft::DecodeMembership(value));
  v1::MemberDirectory directory;
  if (!directory.ParseFromString(membership.context)) {
    return absl::InvalidArgumentError("the context of a membership is not a directory of members");
  }
  Members members{.config = std::move(membership.config), .members = {}};
  for (const v1::MemberAttributes& attributes : directory.members()) {
    const raft::NodeId id{attributes.member_id()};
    MemberInfo member{.id = id,
                      .name = attributes.name(),
                      .client_urls = {attributes.client_urls().begin(), attributes.client_urls().end()},
                      .peer_urls = {attributes.peer_urls().begin(), attributes.peer_urls().end()},
                      .incarnation = std::nullopt,
                      .learner = members.config.IsLearner(id)};
    if (attributes.incarnation() != 0) member.incarnation = raft::Incarnation{attributes.incarnation()};
    members.members.push_back(std::move(member));
  }
  // Nobody writes an id twice; in a row that has it all the same the order of the row decides, on every
  // member.
  std::ranges::stable_sort(members.members, {}, &MemberInfo::id);
  return members;
}

}  // namespace cairn::kv::schema
