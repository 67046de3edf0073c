#include "kv/api/methods.h"

#include <algorithm>
#include <unordered_map>

#include "raft/base/assert.h"

namespace cairn::kv::api {
namespace {

constexpr std::string_view kKv = "etcdserverpb.KV";
constexpr std::string_view kLease = "etcdserverpb.Lease";
constexpr std::string_view kCluster = "etcdserverpb.Cluster";
constexpr std::string_view kMaintenance = "etcdserverpb.Maintenance";
constexpr std::string_view kAuth = "etcdserverpb.Auth";
constexpr std::string_view kLock = "v3lockpb.Lock";
constexpr std::string_view kElection = "v3electionpb.Election";
constexpr std::string_view kHealth = "grpc.health.v1.Health";

constexpr std::array<MethodInfo, kMethods> kTable = {{
    {kKv, "Range"},
    {kKv, "RangeStream", Shape::kServerStream},
    {kKv, "Put"},
    {kKv, "DeleteRange"},
    {kKv, "Txn"},
    {kKv, "Compact"},
    {"etcdserverpb.Watch", "Watch", Shape::kBidiStream},
    {kLease, "LeaseGrant"},
    {kLease, "LeaseRevoke"},
    {kLease, "LeaseKeepAlive", Shape::kBidiStream},
    {kLease, "LeaseTimeToLive"},
    {kLease, "LeaseLeases"},
    {kCluster, "MemberAdd"},
    {kCluster, "MemberRemove"},
    {kCluster, "MemberUpdate"},
    {kCluster, "MemberList"},
    {kCluster, "MemberPromote"},
    {kMaintenance, "Alarm"},
    {kMaintenance, "Status"},
    {kMaintenance, "Defragment"},
    {kMaintenance, "Hash"},
    {kMaintenance, "HashKV"},
    {kMaintenance, "Snapshot", Shape::kServerStream},
    {kMaintenance, "MoveLeader"},
    {kMaintenance, "Downgrade"},
    {kAuth, "AuthEnable"},
    {kAuth, "AuthDisable"},
    {kAuth, "AuthStatus"},
    {kAuth, "Authenticate"},
    {kAuth, "UserAdd"},
    {kAuth, "UserGet"},
    {kAuth, "UserList"},
    {kAuth, "UserDelete"},
    {kAuth, "UserChangePassword"},
    {kAuth, "UserGrantRole"},
    {kAuth, "UserRevokeRole"},
    {kAuth, "RoleAdd"},
    {kAuth, "RoleGet"},
    {kAuth, "RoleList"},
    {kAuth, "RoleDelete"},
    {kAuth, "RoleGrantPermission"},
    {kAuth, "RoleRevokePermission"},
    {kLock, "Lock"},
    {kLock, "Unlock"},
    {kElection, "Campaign"},
    {kElection, "Proclaim"},
    {kElection, "Leader"},
    {kElection, "Observe", Shape::kServerStream},
    {kElection, "Resign"},
    {kHealth, "Check"},
    {kHealth, "Watch", Shape::kServerStream},
}};
static_assert(!kTable.back().name.empty(), "fewer methods than kMethods");

}  // namespace

std::string MethodInfo::Path() const { return "/" + std::string(service) + "/" + std::string(name); }

const std::array<MethodInfo, kMethods>& Methods() { return kTable; }

std::optional<MethodIndex> FindMethod(std::string_view path) {
  static const auto* const by_path = [] {
    auto* map = new std::unordered_map<std::string, MethodIndex>;
    for (MethodIndex i = 0; i < kMethods; ++i) map->emplace(kTable[i].Path(), i);
    return map;
  }();
  const auto found = by_path->find(std::string(path));
  if (found == by_path->end()) return std::nullopt;
  return found->second;
}

MethodIndex MethodNamed(std::string_view service, std::string_view name) {
  const auto found = std::find_if(kTable.begin(), kTable.end(), [&](const MethodInfo& method) {
    return method.service == service && method.name == name;
  });
  CAIRN_ASSERT(found != kTable.end(), "no method {}/{}", service, name);
  return static_cast<MethodIndex>(found - kTable.begin());
}

std::string_view ShapeName(Shape shape) {
  switch (shape) {
    case Shape::kUnary:
      return "unary";
    case Shape::kServerStream:
      return "server_stream";
    case Shape::kBidiStream:
      return "bidi_stream";
  }
  CAIRN_ASSERT(false, "shape {}", static_cast<int>(shape));
}

}  // namespace cairn::kv::api
