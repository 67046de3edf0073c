#include "kv/api/peer_services.h"

#include <utility>

#include "etcd/rpc.grpc.pb.h"
#include "kv/api/backend.h"
#include "kv/api/cluster_service.h"
#include "kv/api/maintenance_service.h"

namespace cairn::kv {
namespace {

// Callback services: they answer at once, and work on any kind of server. What they do not override is
// answered Unimplemented by gRPC.
class PeerMaintenance final : public etcdserverpb::Maintenance::CallbackService {
 public:
  explicit PeerMaintenance(const api::Backend& backend) : backend_(backend) {}

  grpc::ServerUnaryReactor* Status(grpc::CallbackServerContext* context,
                                   const etcdserverpb::StatusRequest* /*request*/,
                                   etcdserverpb::StatusResponse* response) override {
    *response = api::DescribeStatus(backend_);
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

 private:
  const api::Backend& backend_;
};

class PeerCluster final : public etcdserverpb::Cluster::CallbackService {
 public:
  explicit PeerCluster(const api::Backend& backend) : backend_(backend) {}

  grpc::ServerUnaryReactor* MemberList(grpc::CallbackServerContext* context,
                                       const etcdserverpb::MemberListRequest* /*request*/,
                                       etcdserverpb::MemberListResponse* response) override {
    *response = api::ListMembers(backend_);
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

 private:
  const api::Backend& backend_;
};

class StatusAndMembers final : public PeerServices {
 public:
  StatusAndMembers(ApiOptions options, ApiDependencies dependencies)
      : backend_(std::move(options), std::move(dependencies)) {}

  std::vector<grpc::Service*> services() override { return {&maintenance_, &cluster_}; }

 private:
  api::Backend backend_;
  PeerMaintenance maintenance_{backend_};
  PeerCluster cluster_{backend_};
};

}  // namespace

std::unique_ptr<PeerServices> PeerServices::Create(ApiOptions options, ApiDependencies dependencies) {
  return std::make_unique<StatusAndMembers>(std::move(options), std::move(dependencies));
}

}  // namespace cairn::kv
