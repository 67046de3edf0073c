#include "kv/api/auth_service.h"

#include "etcd/rpc.pb.h"
#include "kv/api/errors.h"
#include "kv/api/header.h"

namespace cairn::kv::api {
namespace {

constexpr std::uint64_t kFirstAuthRevision = 1;

}  // namespace

void ServeAuthStatus(UnaryCall& call) {
  etcdserverpb::AuthStatusResponse response;
  FillHeader(call.backend(), call.backend().deps.reader.current_revision(), response);
  response.set_authrevision(kFirstAuthRevision);
  call.Answer(response);
}

void ServeAuthenticate(UnaryCall& call) { call.Refuse(AuthNotEnabled()); }

}  // namespace cairn::kv::api
