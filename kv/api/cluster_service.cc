#include "kv/api/cluster_service.h"

#include "kv/api/header.h"

namespace cairn::kv::api {
namespace {

void AnswerMemberList(UnaryCall& call) { call.Answer(ListMembers(call.backend())); }

}  // namespace

etcdserverpb::MemberListResponse ListMembers(const Backend& backend) {
  etcdserverpb::MemberListResponse response;
  FillHeader(backend, Revision{0}, response);  // Cluster.* never names a revision.
  const std::shared_ptr<const Members> members = backend.deps.members();
  for (const MemberInfo& info : members->members) {
    etcdserverpb::Member& member = *response.add_members();
    member.set_id(info.id.value());
    member.set_name(info.name);
    for (const std::string& url : info.peer_urls) member.add_peerurls(url);
    for (const std::string& url : info.client_urls) member.add_clienturls(url);
    member.set_islearner(info.learner);
  }
  return response;
}

void ServeMemberList(UnaryCall& call) {
  const auto* request = call.Parse<etcdserverpb::MemberListRequest>();
  if (request == nullptr) return;
  if (!request->linearizable()) return AnswerMemberList(call);
  call.AfterReadBarrier([](UnaryCall& waited) {
    if (!waited.RefusedAfterWait()) AnswerMemberList(waited);
  });
}

}  // namespace cairn::kv::api
