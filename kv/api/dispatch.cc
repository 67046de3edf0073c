#include "kv/api/dispatch.h"

#include <array>

#include "kv/api/auth_service.h"
#include "kv/api/cluster_service.h"
#include "kv/api/errors.h"
#include "kv/api/health_service.h"
#include "kv/api/kv_service.h"
#include "kv/api/maintenance_service.h"
#include "kv/api/range_stream.h"
#include "kv/api/unimplemented.h"
#include "kv/api/watch_service.h"

namespace cairn::kv::api {
namespace {

using MakeStream = std::unique_ptr<StreamDriver> (*)(GenericCall& call);

struct Server {
  UnaryCall::Step unary = &RefuseUnimplemented;
  MakeStream stream = &MakeUnimplementedStream;
};

std::array<Server, kMethods> MakeServers() {
  std::array<Server, kMethods> servers{};
  const auto unary = [&](std::string_view service, std::string_view name, UnaryCall::Step step) {
    servers[MethodNamed(service, name)].unary = step;
  };
  const auto stream = [&](std::string_view service, std::string_view name, MakeStream make) {
    servers[MethodNamed(service, name)].stream = make;
  };
  stream("etcdserverpb.KV", "RangeStream", &MakeRangeStream);
  stream("etcdserverpb.Watch", "Watch", &MakeWatchStream);
  unary("etcdserverpb.Cluster", "MemberList", &ServeMemberList);
  unary("etcdserverpb.Maintenance", "Alarm", &ServeAlarm);
  unary("etcdserverpb.Maintenance", "Status", &ServeStatus);
  unary("etcdserverpb.Maintenance", "Defragment", &ServeDefragment);
  unary("etcdserverpb.Maintenance", "Hash", &ServeHash);
  unary("etcdserverpb.Maintenance", "HashKV", &ServeHashKv);
  unary("etcdserverpb.Maintenance", "MoveLeader", &ServeMoveLeader);
  unary("etcdserverpb.Auth", "AuthStatus", &ServeAuthStatus);
  unary("etcdserverpb.Auth", "Authenticate", &ServeAuthenticate);
  unary("grpc.health.v1.Health", "Check", &ServeHealthCheck);
  stream("grpc.health.v1.Health", "Watch", &MakeHealthWatch);
  return servers;
}

// A unary call that came through the generic service: reads one message, then is like any other.
class UnaryDriver final : public StreamDriver, public UnaryCall {
 public:
  UnaryDriver(GenericCall& call, Step service)
      : UnaryCall(call.backend(), call.poller().mailbox()), call_(call), service_(service) {}
  ~UnaryDriver() override {
    if (begun_) End();
  }

  void Start() override { call_.Read(); }
  void OnRead(const grpc::ByteBuffer& message) override {
    begun_ = true;
    Begin(call_.method(), service_, call_.context(), message);
  }
  void OnHalfClosed() override { call_.Finish(RequestMissing()); }
  void OnGone() override { SetGone(); }
  [[nodiscard]] bool Retire() override { return !begun_ || ended(); }

 private:
  void SendAndEnd(const grpc::ByteBuffer& response, const grpc::Status& status) override {
    if (status.ok()) return call_.WriteAndFinish(response);
    call_.Finish(absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message()));
  }

  GenericCall& call_;
  const Step service_;
  bool begun_ = false;
};

}  // namespace

std::vector<HotService::Entry> HotMethods() {
  const auto entry = [](std::string_view name, UnaryCall::Step service, int armed) {
    return HotService::Entry{MethodNamed("etcdserverpb.KV", name), service, armed};
  };
  return {entry("Range", &ServeRange, 64), entry("Put", &ServePut, 64), entry("Txn", &ServeTxn, 64),
          entry("DeleteRange", &ServeDeleteRange, 8), entry("Compact", &ServeCompact, 2)};
}

std::unique_ptr<StreamDriver> MakeDriver(GenericCall& call) {
  static const std::array<Server, kMethods> servers = MakeServers();
  const Server& server = servers[call.method()];
  if (Methods()[call.method()].shape != Shape::kUnary) return server.stream(call);
  return std::make_unique<UnaryDriver>(call, server.unary);
}

}  // namespace cairn::kv::api
