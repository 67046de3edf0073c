#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "tests/kv/api/api_test_base.h"

namespace cairn::kv::api {
namespace {

class Limits : public ApiTest {
 protected:
  // Waits until /metrics has a line that begins with `line`; fails after many looks.
  void AwaitMetric(const std::string& line) {
    std::string metrics;
    for (int i = 0; i < 2000 && metrics.find("\n" + line) == std::string::npos; ++i) {
      metrics = HttpGet(port_, "/metrics");
    }
    EXPECT_NE(metrics.find("\n" + line), std::string::npos) << line;
  }

  // As a Go client that has asked for a leader, or with another deadline.
  grpc::Status PutWith(grpc::ClientContext& context) {
    etcdserverpb::PutRequest request;
    request.set_key("k");
    etcdserverpb::PutResponse response;
    return kv_->Put(&context, request, &response);
  }
};

// "Encoded proposal": our two bytes and the request.
TEST_F(Limits, AProposalAboveTheLimitIsTooLargeAndAtTheLimitIsNot) {
  Start();
  etcdserverpb::PutRequest request;
  request.set_key("k");
  request.set_value(std::string(options_.max_request_bytes - 16, 'v'));
  const std::size_t overhead = request.ByteSizeLong() + 2 - request.value().size();
  ExpectStatus(Put("k", std::string(options_.max_request_bytes - overhead + 1, 'v')),
               grpc::StatusCode::INVALID_ARGUMENT, "etcdserver: request is too large");
  EXPECT_EQ(group_.proposals(), 0U);
  EXPECT_TRUE(Put("k", std::string(options_.max_request_bytes - overhead, 'v')).ok());
}

TEST_F(Limits, AMessageAboveTheReceiveLimitIsExhausted) {
  Start();
  etcdserverpb::PutRequest request;
  request.set_key("k");
  request.set_value(std::string(options_.receive_limit(), 'v'));
  etcdserverpb::PutResponse response;
  grpc::ClientContext context;
  ExpectStatus(
      kv_->Put(&context, request, &response), grpc::StatusCode::RESOURCE_EXHAUSTED,
      "grpc: received message larger than max (" + std::to_string(request.ByteSizeLong()) + " vs. 2097152)");
}

TEST_F(Limits, AMessageFarAboveIsRefusedWhileItArrives) {
  Start();
  EXPECT_EQ(Put("k", std::string(8 << 20, 'v')).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  etcdserverpb::HashKVResponse response;
  EXPECT_TRUE(Put("k", "the connection still serves").ok());
}

TEST_F(Limits, TooManyRequestsInFlight) {
  options_.max_requests_in_flight = 2;
  Start();
  group_.Hold();
  std::vector<std::thread> clients;
  for (int i = 0; i < 2; ++i) {
    clients.emplace_back([this] { EXPECT_TRUE(Put("k", "v").ok()); });
  }
  group_.AwaitHeld(2);
  ExpectStatus(Put("k", "v"), grpc::StatusCode::UNKNOWN, "etcdserver: too many requests");
  group_.Release();
  for (std::thread& client : clients) client.join();
  EXPECT_TRUE(Put("k", "v").ok());
}

TEST_F(Limits, AnAnswerAboveTheBoundIsRefused) {
  options_.max_response_bytes = 1 << 20;
  Start();
  store_.SetBigValue(2 << 20);
  EXPECT_EQ(Get("k").error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(Limits, ALargeAnswerArrivesWhole) {
  Start();
  store_.SetBigValue(64 << 20);
  etcdserverpb::RangeResponse response;
  ASSERT_TRUE(Get("k", &response).ok());
  EXPECT_EQ(response.kvs(0).value().size(), std::size_t{64} << 20);
}

// A client that asks for much and reads nothing must not be able to ask again and again.
TEST_F(Limits, LargeAnswersOnTheirWayAreBounded) {
  options_.max_response_bytes_in_flight = 8 << 20;
  Start();
  store_.SetBigValue(16 << 20);
  etcdserverpb::RangeRequest request;
  request.set_key("k");
  {
    RawClient slow(port_);
    slow.Send(Http2Call("/etcdserverpb.KV/Range", request.SerializeAsString()));
    AwaitMetric("cairn_response_bytes_in_flight 167772");
    ExpectStatus(Get("k"), grpc::StatusCode::UNKNOWN, "etcdserver: too many requests");
    ExpectStatus(Get("k", nullptr, true), grpc::StatusCode::UNKNOWN, "etcdserver: too many requests");
    EXPECT_TRUE(Put("k", "v").ok());
  }
  AwaitMetric("cairn_response_bytes_in_flight 0");  // Its connection is closed: what it held is given back.
  EXPECT_TRUE(Get("k").ok());
}

TEST_F(Limits, TheClientsDeadlineIsHonoured) {
  Start();
  group_.Hold();
  grpc::ClientContext context;
  SetDeadline(context, std::chrono::milliseconds(50));
  EXPECT_EQ(PutWith(context).error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  group_.Release();
  EXPECT_TRUE(Put("k", "the call object was freed").ok());
}

TEST_F(Limits, ARangeWhoseClientHasGoneIsNotRead) {
  Start();
  group_.Hold();
  etcdserverpb::RangeRequest request;
  request.set_key("k");
  etcdserverpb::RangeResponse response;
  grpc::ClientContext context;
  std::thread client(
      [&] { EXPECT_EQ(kv_->Range(&context, request, &response).error_code(), grpc::StatusCode::CANCELLED); });
  group_.AwaitHeld(1);
  context.TryCancel();
  client.join();
  AwaitMetric("cairn_calls_gone_total 1");
  group_.Release();
  EXPECT_TRUE(Put("k", "v").ok());
  EXPECT_EQ(store_.ranges, 0);
}

TEST_F(Limits, UnaryCallsThatAskForALeaderAreRefusedAtOnceWithoutOne) {
  Start();
  group_.SetLeader(std::nullopt);
  grpc::ClientContext asking;
  asking.AddMetadata("hasleader", "true");
  ExpectStatus(PutWith(asking), grpc::StatusCode::UNAVAILABLE, "etcdserver: no leader");
  EXPECT_EQ(group_.proposals(), 0U);
  grpc::ClientContext not_asking;
  EXPECT_TRUE(PutWith(not_asking).ok());
}

TEST_F(Limits, UnknownMetadataHarmsNothing) {
  Start();
  grpc::ClientContext context;
  context.AddMetadata("client-api-version", "3.4");
  context.AddMetadata("token", "anything");
  context.AddMetadata("x-unknown-bin", std::string("\0\xff", 2));
  EXPECT_TRUE(PutWith(context).ok());
}

}  // namespace
}  // namespace cairn::kv::api
