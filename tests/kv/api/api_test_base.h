#pragma once

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "etcd/rpc.grpc.pb.h"
#include "kv/api/server.h"
#include "tests/kv/api/fake_group.h"
#include "tests/kv/api/fake_hub.h"
#include "tests/kv/api/fake_store.h"
#include "tests/kv/api/raw_client.h"

namespace cairn::kv::api {

// The server on a free loopback port, on fakes, with a real gRPC client.
class ApiTest : public testing::Test {
 protected:
  static constexpr std::uint64_t kClusterId = 0xc0ffee;
  static constexpr std::uint64_t kMemberId = 0xa1;
  static constexpr std::uint64_t kTerm = 7;

  ApiTest() {
    options_.listen = {{.host = "127.0.0.1", .port = 0}};
    options_.election_timeout = std::chrono::milliseconds(100);
    options_.pollers = 2;  // So that calls really are spread.
    Members members;
    members.members = {{.id = raft::NodeId{0xa1},
                        .name = "one",
                        .client_urls = {"http://127.0.0.1:2379"},
                        .peer_urls = {"http://127.0.0.1:2380"},
                        .incarnation = std::nullopt},
                       {.id = raft::NodeId{0xb2},
                        .name = "",
                        .client_urls = {},
                        .peer_urls = {"http://127.0.0.1:22380"},
                        .incarnation = std::nullopt,
                        .learner = true}};
    members_ = std::make_shared<const Members>(std::move(members));
  }

  ~ApiTest() override {
    group_.Release();  // What a test holds back must be answered before the server can go.
    server_.reset();
  }

  [[nodiscard]] ApiDependencies Dependencies() {
    return {.group = group_,
            .reader = store_,
            .hub = hub_,
            .identity = {.cluster_id = kClusterId, .member_id = kMemberId, .raft_term = [] { return kTerm; }},
            .members = [this] { return members_; },
            .when_compacted = when_compacted_,
            .replica_metrics = &replica_metrics_,
            .transport_stats = [this] { return transport_stats_; }};
  }

  // Once per test, after options_ is as the test wants it.
  void Start() {
    auto started = ApiServer::Start(options_, Dependencies());
    ASSERT_TRUE(started.ok()) << started.status();
    server_ = *std::move(started);
    port_ = server_->ports().at(0);
    channel_ = NewChannel();
    kv_ = etcdserverpb::KV::NewStub(channel_);
    watch_ = etcdserverpb::Watch::NewStub(channel_);
    maintenance_ = etcdserverpb::Maintenance::NewStub(channel_);
    cluster_ = etcdserverpb::Cluster::NewStub(channel_);
  }

  [[nodiscard]] std::shared_ptr<grpc::Channel> NewChannel() const {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // A connection of its own.
    arguments.SetMaxReceiveMessageSize(-1);
    return grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(port_), grpc::InsecureChannelCredentials(),
                                     arguments);
  }

  // As a node stops it, with nothing in between.
  void Stop(std::chrono::steady_clock::duration patience = std::chrono::seconds(10)) {
    server_->Drain(std::chrono::steady_clock::now() + patience);
    server_->Shutdown();
  }

  // Fails rather than hangs.
  static void SetDeadline(grpc::ClientContext& context,
                          std::chrono::milliseconds timeout = std::chrono::seconds(20)) {
    context.set_deadline(std::chrono::system_clock::now() + timeout);
  }

  grpc::Status Put(const std::string& key, const std::string& value,
                   etcdserverpb::PutResponse* response = nullptr) {
    etcdserverpb::PutRequest request;
    request.set_key(key);
    request.set_value(value);
    etcdserverpb::PutResponse ignored;
    grpc::ClientContext context;
    SetDeadline(context);
    return kv_->Put(&context, request, response != nullptr ? response : &ignored);
  }

  grpc::Status Get(const std::string& key, etcdserverpb::RangeResponse* response = nullptr,
                   bool serializable = false) {
    etcdserverpb::RangeRequest request;
    request.set_key(key);
    request.set_serializable(serializable);
    etcdserverpb::RangeResponse ignored;
    grpc::ClientContext context;
    SetDeadline(context);
    return kv_->Range(&context, request, response != nullptr ? response : &ignored);
  }

  static void ExpectHeader(const etcdserverpb::ResponseHeader& header, std::int64_t revision) {
    EXPECT_EQ(header.cluster_id(), kClusterId);
    EXPECT_EQ(header.member_id(), kMemberId);
    EXPECT_EQ(header.raft_term(), kTerm);
    EXPECT_EQ(header.revision(), revision);
  }

  static void ExpectStatus(const grpc::Status& status, grpc::StatusCode code, const std::string& message) {
    EXPECT_EQ(status.error_code(), code) << status.error_message();
    EXPECT_EQ(status.error_message(), message);
  }

  ApiOptions options_;
  FakeStore store_;
  FakeHub hub_;
  FakeGroup group_{[this](const Payload& command) { return store_.Apply(command); }};
  std::shared_ptr<const Members> members_;
  std::function<void(Revision, absl::AnyInvocable<void(absl::Status)>)> when_compacted_;
  raft::ReplicaMetrics replica_metrics_;
  raft::TransportStats transport_stats_;

  std::unique_ptr<ApiServer> server_;
  std::uint16_t port_ = 0;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<etcdserverpb::KV::Stub> kv_;
  std::unique_ptr<etcdserverpb::Watch::Stub> watch_;
  std::unique_ptr<etcdserverpb::Maintenance::Stub> maintenance_;
  std::unique_ptr<etcdserverpb::Cluster::Stub> cluster_;
};

}  // namespace cairn::kv::api
