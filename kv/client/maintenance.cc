#include "kv/client/maintenance.h"

namespace cairn::kv::client {

absl::StatusOr<pb::StatusResponse> Maintenance::Status(std::size_t endpoint, const CallOptions& options) {
  return caller_.Call(CallKind::kRead, options, endpoint, pb::StatusRequest(),
                      &pb::Maintenance::Stub::Status);
}

absl::StatusOr<pb::HashKVResponse> Maintenance::HashKv(std::size_t endpoint, std::int64_t revision,
                                                       const CallOptions& options) {
  pb::HashKVRequest request;
  request.set_revision(revision);
  return caller_.Call(CallKind::kRead, options, endpoint, request, &pb::Maintenance::Stub::HashKV);
}

absl::StatusOr<pb::MoveLeaderResponse> Maintenance::MoveLeader(std::size_t endpoint, std::uint64_t target,
                                                               const CallOptions& options) {
  pb::MoveLeaderRequest request;
  request.set_targetid(target);
  return caller_.Call(CallKind::kWrite, options, endpoint, request, &pb::Maintenance::Stub::MoveLeader);
}

absl::Status Maintenance::Health(std::size_t endpoint, const CallOptions& options) {
  // Any key will do; this is the one etcdctl asks for.
  pb::RangeRequest request;
  request.set_key("health");
  const absl::Status status =
      caller_.Call(CallKind::kRead, options, endpoint, request, &pb::KV::Stub::Range).status();
  // Who may not read has reached a majority all the same.
  return absl::IsPermissionDenied(status) ? absl::OkStatus() : status;
}

}  // namespace cairn::kv::client
