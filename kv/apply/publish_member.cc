#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cairn/command.pb.h"
#include "kv/apply/request.h"
#include "kv/model/errors.h"

namespace cairn::kv {

absl::StatusOr<std::unique_ptr<KvResult>> ApplyPublishMember(ApplyContext& context, std::string_view body) {
  v1::PublishMember request;
  if (!request.ParseFromArray(body.data(), static_cast<int>(body.size()))) {
    return RefusedResult(context,
                         absl::InvalidArgumentError("the body of the publication cannot be decoded"));
  }
  Members members = context.writer.members();
  const auto member =
      std::find_if(members.members.begin(), members.members.end(),
                   [&request](const MemberInfo& info) { return info.id.value() == request.member_id(); });
  if (member == members.members.end()) return RefusedResult(context, errors::MemberNotFound());
  const raft::Incarnation incarnation{request.incarnation()};
  if (member->incarnation && *member->incarnation != incarnation) {
    // Another disk under the same id has forgotten the votes it gave.
    return RefusedResult(
        context, absl::FailedPreconditionError(fmt::format(
                     "member {:x} has lost its data: remove it and add it anew", member->id.value())));
  }
  member->name = request.name();
  member->client_urls.assign(request.client_urls().begin(), request.client_urls().end());
  member->peer_urls.assign(request.peer_urls().begin(), request.peer_urls().end());
  member->incarnation = incarnation;
  context.writer.SetMembers(std::move(members));
  return FinishResult(context, MessageWriter(context.pin_bytes));
}

}  // namespace cairn::kv
