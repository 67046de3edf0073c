#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/support/byte_buffer.h>
#include <gtest/gtest.h>

#include <string>

#include "health/health.grpc.pb.h"
#include "kv/api/methods.h"
#include "kv/api/peer_services.h"
#include "tests/kv/api/api_test_base.h"

namespace cairn::kv::api {
namespace {

class Services : public ApiTest {
 protected:
  // Sends an empty message to any method, as a stream, and returns how the call ended.
  grpc::Status Call(const std::string& path) {
    grpc::GenericStub stub(channel_);
    grpc::CompletionQueue queue;
    grpc::ClientContext context;
    SetDeadline(context);
    const auto stream = stub.PrepareCall(&context, path, &queue);
    const auto await = [&queue] {
      void* tag = nullptr;
      bool ok = false;
      return queue.Next(&tag, &ok) && ok;
    };
    stream->StartCall(nullptr);
    await();
    const grpc::Slice nothing;
    stream->Write(grpc::ByteBuffer(&nothing, 1), nullptr);
    await();
    grpc::ByteBuffer answer;
    stream->Read(&answer, nullptr);
    await();
    grpc::Status status;
    stream->Finish(&status, nullptr);
    await();
    return status;
  }
};

TEST_F(Services, MemberListSortsFillsAndNamesNoRevision) {
  Start();
  ASSERT_TRUE(Put("k", "v").ok());
  for (const bool linearizable : {false, true}) {
    etcdserverpb::MemberListRequest request;
    request.set_linearizable(linearizable);
    etcdserverpb::MemberListResponse response;
    grpc::ClientContext context;
    ASSERT_TRUE(cluster_->MemberList(&context, request, &response).ok());
    ExpectHeader(response.header(), 0);
    ASSERT_EQ(response.members_size(), 2);
    EXPECT_EQ(response.members(0).id(), kMemberId);
    EXPECT_EQ(response.members(0).name(), "one");
    EXPECT_EQ(response.members(0).clienturls(0), "http://127.0.0.1:2379");
    EXPECT_EQ(response.members(0).peerurls(0), "http://127.0.0.1:2380");
    EXPECT_FALSE(response.members(0).islearner());
    EXPECT_TRUE(response.members(1).islearner());
    EXPECT_EQ(group_.barriers(), linearizable ? 1U : 0U);
  }
}

TEST_F(Services, StatusSaysWhereRaftStands) {
  Start();
  etcdserverpb::StatusResponse response;
  grpc::ClientContext context;
  ASSERT_TRUE(maintenance_->Status(&context, {}, &response).ok());
  ExpectHeader(response.header(), 1);
  EXPECT_EQ(response.version(), "3.6.0");
  EXPECT_EQ(response.storageversion(), "3.6.0");
  EXPECT_EQ(response.leader(), kMemberId);
  EXPECT_EQ(response.raftindex(), 40U);
  EXPECT_EQ(response.raftappliedindex(), 39U);
  EXPECT_EQ(response.raftterm(), kTerm);
  EXPECT_EQ(response.dbsize(), 4096);
  EXPECT_EQ(response.dbsizeinuse(), 1024);
  EXPECT_EQ(response.dbsizequota(), std::int64_t{2} << 30);
  EXPECT_EQ(response.errors_size(), 0);
  EXPECT_FALSE(response.islearner());
}

TEST_F(Services, StatusWorksWithoutALeader) {
  Start();
  group_.Hold();
  group_.SetLeader(std::nullopt);
  etcdserverpb::StatusResponse response;
  grpc::ClientContext context;
  ASSERT_TRUE(maintenance_->Status(&context, {}, &response).ok());
  EXPECT_EQ(response.leader(), 0U);
  ASSERT_EQ(response.errors_size(), 1);
  EXPECT_EQ(response.errors(0), "etcdserver: no leader");
}

TEST_F(Services, HashKvFillsItsFourFields) {
  Start();
  ASSERT_TRUE(Put("k", "v").ok());
  etcdserverpb::HashKVRequest request;
  etcdserverpb::HashKVResponse response;
  grpc::ClientContext context;
  ASSERT_TRUE(maintenance_->HashKV(&context, request, &response).ok());
  ExpectHeader(response.header(), 2);
  EXPECT_EQ(response.hash(), 0xabcdefU);
  EXPECT_EQ(response.hash_revision(), 2);
  EXPECT_EQ(response.compact_revision(), -1);
  request.set_revision(9);
  grpc::ClientContext future;
  ExpectStatus(maintenance_->HashKV(&future, request, &response), grpc::StatusCode::OUT_OF_RANGE,
               "etcdserver: mvcc: required revision is a future revision");
}

TEST_F(Services, HashHashesEverything) {
  Start();
  etcdserverpb::HashResponse response;
  grpc::ClientContext context;
  ASSERT_TRUE(maintenance_->Hash(&context, {}, &response).ok());
  EXPECT_EQ(response.hash(), 0xabcdefU);
  ExpectHeader(response.header(), 1);
}

TEST_F(Services, MoveLeaderAsksRaft) {
  Start();
  etcdserverpb::MoveLeaderRequest request;
  request.set_targetid(0xb2);
  etcdserverpb::MoveLeaderResponse response;
  grpc::ClientContext context;
  ASSERT_TRUE(maintenance_->MoveLeader(&context, request, &response).ok());
  ASSERT_EQ(group_.transfers().size(), 1U);
  EXPECT_EQ(group_.transfers()[0], raft::NodeId{0xb2});
}

TEST_F(Services, MoveLeaderKnowsWhoMayLead) {
  Start();
  const auto move = [this](std::uint64_t target) {
    etcdserverpb::MoveLeaderRequest request;
    request.set_targetid(target);
    etcdserverpb::MoveLeaderResponse response;
    grpc::ClientContext context;
    return maintenance_->MoveLeader(&context, request, &response);
  };
  const std::string bad = "etcdserver: bad leader transferee";
  ExpectStatus(move(0xd4), grpc::StatusCode::FAILED_PRECONDITION, bad);  // A learner.
  ExpectStatus(move(0xeee), grpc::StatusCode::FAILED_PRECONDITION, bad);
  EXPECT_TRUE(move(0xa1).ok());  // Itself.
  EXPECT_TRUE(group_.transfers().empty());
  group_.SetTransferResult(raft::MakeRaftError(raft::RaftError::kTimeout, "slow"));
  ExpectStatus(move(0xb2), grpc::StatusCode::UNKNOWN,
               "etcdserver: request timed out, leader transfer took too long");
  group_.SetLeader(raft::NodeId{0xb2});
  ExpectStatus(move(0xa1), grpc::StatusCode::FAILED_PRECONDITION, "etcdserver: not leader");
}

// Between our look at the status and Raft's.
TEST_F(Services, MoveLeaderOfALeaderThatIsNoneAnyMore) {
  Start();
  group_.SetTransferResult(absl::FailedPreconditionError("this member does not lead"));
  etcdserverpb::MoveLeaderRequest request;
  request.set_targetid(0xb2);
  etcdserverpb::MoveLeaderResponse response;
  grpc::ClientContext context;
  ExpectStatus(maintenance_->MoveLeader(&context, request, &response), grpc::StatusCode::FAILED_PRECONDITION,
               "etcdserver: not leader");
}

TEST_F(Services, AStreamWithoutItsRequestIsAnswered) {
  Start();
  for (const std::string path : {"/grpc.health.v1.Health/Watch", "/etcdserverpb.KV/RangeStream"}) {
    RawClient client(port_);
    client.Send(Http2Preface() + Http2Headers(1, path) + Http2End(1));
    EXPECT_NE(client.ReadUntil("the request is missing").find("the request is missing"), std::string::npos)
        << path;
  }
}

TEST_F(Services, AClientApiVersionIsText) {
  Start();
  const auto status_with = [this](const std::string& version) {
    RawClient client(port_);
    client.Send(Http2Preface() +
                Http2Headers(1, "/etcdserverpb.Maintenance/Status", {{"client-api-version", version}}) +
                Http2Message(1, ""));
    return client.ReadUntil("grpc-status");
  };
  const std::string refusal = "etcdserver: invalid client api version";
  for (const std::string version : {"3.6", "3.\xc3\xa9", ""}) {
    EXPECT_EQ(status_with(version).find(refusal), std::string::npos) << version;
  }
  for (const std::string version : {"\xff", "3.\xc3", "\xc0\xaf", "\xed\xa0\x80"}) {
    EXPECT_NE(status_with(version).find(refusal), std::string::npos) << version;
  }
}

TEST_F(Services, AlarmsAreListedAsNone) {
  Start();
  etcdserverpb::AlarmRequest request;
  etcdserverpb::AlarmResponse response;
  for (const auto action : {etcdserverpb::AlarmRequest::GET, etcdserverpb::AlarmRequest::DEACTIVATE}) {
    request.set_action(action);
    grpc::ClientContext context;
    ASSERT_TRUE(maintenance_->Alarm(&context, request, &response).ok());
    EXPECT_EQ(response.alarms_size(), 0);
    ExpectHeader(response.header(), 1);
  }
  request.set_action(etcdserverpb::AlarmRequest::ACTIVATE);
  request.set_alarm(etcdserverpb::NOSPACE);
  grpc::ClientContext context;
  EXPECT_EQ(maintenance_->Alarm(&context, request, &response).error_code(), grpc::StatusCode::UNIMPLEMENTED);
}

TEST_F(Services, DefragmentHasNothingToDo) {
  Start();
  etcdserverpb::DefragmentResponse response;
  grpc::ClientContext context;
  EXPECT_TRUE(maintenance_->Defragment(&context, {}, &response).ok());
}

TEST_F(Services, AuthenticationIsNotEnabled) {
  Start();
  const auto auth = etcdserverpb::Auth::NewStub(channel_);
  etcdserverpb::AuthenticateResponse authenticated;
  grpc::ClientContext context;
  ExpectStatus(auth->Authenticate(&context, {}, &authenticated), grpc::StatusCode::FAILED_PRECONDITION,
               "etcdserver: authentication is not enabled");
  etcdserverpb::AuthStatusResponse status;
  grpc::ClientContext other;
  ASSERT_TRUE(auth->AuthStatus(&other, {}, &status).ok());
  EXPECT_FALSE(status.enabled());
  ExpectHeader(status.header(), 1);
}

TEST_F(Services, HealthServes) {
  Start();
  const auto health = grpc::health::v1::Health::NewStub(channel_);
  grpc::health::v1::HealthCheckRequest request;
  grpc::health::v1::HealthCheckResponse response;
  grpc::ClientContext context;
  ASSERT_TRUE(health->Check(&context, request, &response).ok());
  EXPECT_EQ(response.status(), grpc::health::v1::HealthCheckResponse::SERVING);
  request.set_service("etcdserverpb.KV");
  grpc::ClientContext unknown;
  ExpectStatus(health->Check(&unknown, request, &response), grpc::StatusCode::NOT_FOUND, "unknown service");
  grpc::ClientContext watching;
  SetDeadline(watching);
  const auto watch = health->Watch(&watching, request);
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), grpc::health::v1::HealthCheckResponse::SERVICE_UNKNOWN);
}

// Every method of the API either works with an empty message or says in a sentence why not.
TEST_F(Services, EveryOtherMethodSaysThatCairnDoesNotHaveIt) {
  Start();
  int unimplemented = 0;
  for (const MethodInfo& method : Methods()) {
    if (method.service == "etcdserverpb.Watch" || method.service == "grpc.health.v1.Health") continue;
    const grpc::Status status = Call(method.Path());
    if (status.error_code() != grpc::StatusCode::UNIMPLEMENTED) continue;
    ++unimplemented;
    EXPECT_TRUE(status.error_message().starts_with("cairn does not have " + std::string(method.service) +
                                                   "/" + std::string(method.name) + " yet: "))
        << status.error_message();
  }
  EXPECT_EQ(unimplemented, 5 + 4 + 2 + 15 + 2 + 5);  // Lease, Cluster, Maintenance, Auth, Lock, Election.
}

TEST_F(Services, AMethodThatDoesNotExistIsNamed) {
  Start();
  ExpectStatus(Call("/etcdserverpb.KV/Get"), grpc::StatusCode::UNIMPLEMENTED,
               "unknown method /etcdserverpb.KV/Get");
}

TEST_F(Services, MalformedRequestsAreRefused) {
  Start();
  grpc::GenericStub stub(channel_);
  for (const std::string path : {"/etcdserverpb.KV/Put", "/etcdserverpb.Maintenance/HashKV"}) {
    grpc::CompletionQueue queue;
    grpc::ClientContext context;
    SetDeadline(context);
    const grpc::Slice slice(std::string("\xff\xff\xff"));
    const auto call = stub.PrepareUnaryCall(&context, path, grpc::ByteBuffer(&slice, 1), &queue);
    call->StartCall();
    grpc::ByteBuffer answer;
    grpc::Status status;
    call->Finish(&answer, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL) << path;
  }
  EXPECT_TRUE(Put("k", "v").ok());
}

TEST_F(Services, ThePeerPortAnswersStatusAndMemberList) {
  const auto peer = PeerServices::Create(options_, Dependencies());
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  for (grpc::Service* service : peer->services()) builder.RegisterService(service);
  const auto server = builder.BuildAndStart();
  const auto channel =
      grpc::CreateChannel("127.0.0.1:" + std::to_string(port), grpc::InsecureChannelCredentials());
  etcdserverpb::StatusResponse status;
  grpc::ClientContext context;
  ASSERT_TRUE(etcdserverpb::Maintenance::NewStub(channel)->Status(&context, {}, &status).ok());
  EXPECT_EQ(status.leader(), kMemberId);
  etcdserverpb::MemberListResponse members;
  grpc::ClientContext other;
  ASSERT_TRUE(etcdserverpb::Cluster::NewStub(channel)->MemberList(&other, {}, &members).ok());
  EXPECT_EQ(members.members_size(), 2);
}

}  // namespace
}  // namespace cairn::kv::api
