#include "kv/api/unimplemented.h"

#include <string_view>

#include "kv/api/errors.h"
#include "kv/api/methods.h"

namespace cairn::kv::api {
namespace {

std::string_view Reason(const MethodInfo& method) {
  if (method.service == "etcdserverpb.Lease") return "leases come with a later version; use keys without one";
  if (method.service == "etcdserverpb.Auth") return "users and roles come with a later version";
  if (method.service == "v3lockpb.Lock" || method.service == "v3electionpb.Election") {
    return "it needs leases, which come with a later version";
  }
  if (method.service == "etcdserverpb.Cluster") {
    return "the members are those of --initial-cluster for the life of the cluster";
  }
  if (method.name == "Snapshot") return "back up by reading the keys at one revision";
  if (method.name == "Downgrade") return "there is no older version to go back to";
  return "it comes with a later version";
}

absl::Status Refusal(MethodIndex index) {
  const MethodInfo& method = Methods()[index];
  return NotImplemented(std::string(method.service) + "/" + std::string(method.name), Reason(method));
}

class UnimplementedStream final : public StreamDriver {
 public:
  explicit UnimplementedStream(GenericCall& call) : call_(call) {}
  void Start() override { call_.Finish(Refusal(call_.method())); }
  void OnRead(const grpc::ByteBuffer& /*message*/) override {}

 private:
  GenericCall& call_;
};

}  // namespace

void RefuseUnimplemented(UnaryCall& call) { call.Refuse(Refusal(call.method())); }

std::unique_ptr<StreamDriver> MakeUnimplementedStream(GenericCall& call) {
  return std::make_unique<UnimplementedStream>(call);
}

}  // namespace cairn::kv::api
