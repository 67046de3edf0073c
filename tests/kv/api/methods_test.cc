#include "kv/api/methods.h"

#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "etcd/rpc.pb.h"
#include "etcd/v3election.pb.h"
#include "etcd/v3lock.pb.h"
#include "health/health.pb.h"

namespace cairn::kv::api {
namespace {

// What the definitions say, so that a method added there is not forgotten in the table.
std::set<std::string> DefinedMethods() {
  std::set<std::string> defined;
  for (const google::protobuf::FileDescriptor* file :
       {etcdserverpb::RangeRequest::descriptor()->file(), v3lockpb::LockRequest::descriptor()->file(),
        v3electionpb::CampaignRequest::descriptor()->file(),
        grpc::health::v1::HealthCheckRequest::descriptor()->file()}) {
    for (int s = 0; s < file->service_count(); ++s) {
      for (int m = 0; m < file->service(s)->method_count(); ++m) {
        const google::protobuf::MethodDescriptor* method = file->service(s)->method(m);
        const std::string shape = method->client_streaming()   ? "bidi_stream"
                                  : method->server_streaming() ? "server_stream"
                                                               : "unary";
        defined.insert("/" + file->service(s)->full_name() + "/" + method->name() + " " + shape);
      }
    }
  }
  return defined;
}

TEST(Methods, AreThoseOfTheDefinitionsWithTheirShapes) {
  std::set<std::string> listed;
  for (const MethodInfo& method : Methods()) {
    listed.insert(method.Path() + " " + std::string(ShapeName(method.shape)));
  }
  EXPECT_EQ(listed, DefinedMethods());
}

TEST(Methods, AreFoundByPath) {
  for (MethodIndex i = 0; i < kMethods; ++i) EXPECT_EQ(FindMethod(Methods()[i].Path()), i);
  EXPECT_EQ(FindMethod("/etcdserverpb.KV/Get"), std::nullopt);
  EXPECT_EQ(FindMethod(""), std::nullopt);
}

}  // namespace
}  // namespace cairn::kv::api
