#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>

#include "health/health.grpc.pb.h"
#include "raft/base/status.h"
#include "tests/kv/api/api_test_base.h"

namespace cairn::kv::api {
namespace {

using Clock = std::chrono::steady_clock;

class Shutdown : public ApiTest {};

TEST_F(Shutdown, EndsWatchesWithUnavailable) {
  Start();
  grpc::ClientContext context;
  SetDeadline(context);
  const auto stream = watch_->Watch(&context);
  etcdserverpb::WatchRequest request;
  request.mutable_create_request()->set_key("k");
  stream->Write(request);
  etcdserverpb::WatchResponse response;
  ASSERT_TRUE(stream->Read(&response));
  server_->Shutdown(Clock::now() + std::chrono::seconds(10));
  EXPECT_FALSE(stream->Read(&response));
  ExpectStatus(stream->Finish(), grpc::StatusCode::UNAVAILABLE, "etcdserver: server stopped");
}

TEST_F(Shutdown, AWatchInTheMiddleOfAMessageGetsItWholeAndThenTheEnd) {
  Start();
  grpc::ClientContext context;
  SetDeadline(context);
  const auto stream = watch_->Watch(&context);
  etcdserverpb::WatchRequest request;
  request.mutable_create_request()->set_key("k");
  stream->Write(request);
  etcdserverpb::WatchResponse response;
  ASSERT_TRUE(stream->Read(&response));
  response.Clear();
  response.add_events()->mutable_kv()->set_value(std::string(32 << 20, 'v'));  // Beyond all windows.
  hub_.Emit(response);
  hub_.AwaitTicks(hub_.ticks() + 1);
  std::thread stopping([this] { server_->Shutdown(Clock::now() + std::chrono::seconds(10)); });
  hub_.AwaitTicks(hub_.ticks() + 2);
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.events(0).kv().value().size(), std::size_t{32} << 20);
  EXPECT_FALSE(stream->Read(&response));
  ExpectStatus(stream->Finish(), grpc::StatusCode::UNAVAILABLE, "etcdserver: server stopped");
  stopping.join();
}

TEST_F(Shutdown, EndsHealthWatchesToo) {
  Start();
  const auto health = grpc::health::v1::Health::NewStub(channel_);
  grpc::ClientContext context;
  SetDeadline(context);
  const auto stream = health->Watch(&context, {});
  grpc::health::v1::HealthCheckResponse response;
  ASSERT_TRUE(stream->Read(&response));
  server_->Shutdown(Clock::now() + std::chrono::seconds(10));
  EXPECT_FALSE(stream->Read(&response));
  ExpectStatus(stream->Finish(), grpc::StatusCode::UNAVAILABLE, "etcdserver: server stopped");
}

TEST_F(Shutdown, LetsRequestsInFlightFinish) {
  Start();
  group_.Hold();
  std::thread client([this] { EXPECT_TRUE(Put("k", "v").ok()); });
  group_.AwaitHeld(1);
  std::thread stopping([this] { server_->Shutdown(Clock::now() + std::chrono::seconds(10)); });
  group_.Release();
  client.join();
  stopping.join();
}

TEST_F(Shutdown, CutsWhatIsLeftAtTheDeadline) {
  Start();
  group_.Hold();
  std::thread client([this] { EXPECT_FALSE(Put("k", "v").ok()); });
  group_.AwaitHeld(1);
  const auto begin = Clock::now();
  server_->Shutdown(begin + std::chrono::milliseconds(100));
  client.join();
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds(5));
  group_.Release();
  server_.reset();  // Waits for the answer that has nobody to go to.
}

TEST_F(Shutdown, ClosesTheSocketsAndTheSilentConnections) {
  Start();
  RawClient silent(port_);
  server_->Shutdown(Clock::now() + std::chrono::seconds(10));
  EXPECT_TRUE(silent.AwaitClose());
  options_.listen[0].port = port_;
  server_.reset();
  Start();  // The port is free again.
  EXPECT_TRUE(Put("k", "v").ok());
}

TEST_F(Shutdown, AnAddressThatIsTakenIsRefusedBeforeAnythingRuns) {
  Start();
  options_.listen[0].port = port_;
  const auto second = ApiServer::Start(options_, Dependencies());
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(MessageOf(second.status()),
            "cannot listen on 127.0.0.1:" + std::to_string(port_) + ": Address already in use");
}

}  // namespace
}  // namespace cairn::kv::api
