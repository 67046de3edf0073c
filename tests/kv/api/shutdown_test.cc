#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "health/health.grpc.pb.h"
#include "kv/model/errors.h"
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
  Stop();
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
  response.add_events()->mutable_kv()->set_value(std::string(4 << 20, 'v'));  // Beyond all windows.
  hub_.Emit(response);
  hub_.AwaitTicks(hub_.ticks() + 1);
  std::thread stopping([this] { Stop(); });
  hub_.AwaitTicks(hub_.ticks() + 2);
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.events(0).kv().value().size(), std::size_t{4} << 20);
  EXPECT_FALSE(stream->Read(&response));
  ExpectStatus(stream->Finish(), grpc::StatusCode::UNAVAILABLE, "etcdserver: server stopped");
  stopping.join();
}

// The hub may be waking a stream at the very moment at which the server takes it down.
TEST_F(Shutdown, EventsForStreamsThatAreBeingEndedHarmNothing) {
  Start();
  constexpr int kStreams = 100;
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<
      std::unique_ptr<grpc::ClientReaderWriter<etcdserverpb::WatchRequest, etcdserverpb::WatchResponse>>>
      streams;
  for (int i = 0; i < kStreams; ++i) {
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    SetDeadline(*contexts.back());
    streams.push_back(watch_->Watch(contexts.back().get()));
  }
  hub_.AwaitStreams(kStreams);
  std::atomic<bool> over{false};
  std::thread writer([&] {
    etcdserverpb::WatchResponse event;
    event.set_watch_id(1);
    while (!over) hub_.Emit(event);
  });
  std::thread stopping([this] { Stop(); });
  for (const auto& stream : streams) {
    etcdserverpb::WatchResponse response;
    while (stream->Read(&response)) {
    }
    // The code only: under load the connection may be reset before the last sentence has been read from it,
    // which gRPC reports with the same code and words of its own.
    EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  }
  stopping.join();
  over = true;
  writer.join();
}

TEST_F(Shutdown, EndsHealthWatchesToo) {
  Start();
  const auto health = grpc::health::v1::Health::NewStub(channel_);
  grpc::ClientContext context;
  SetDeadline(context);
  const auto stream = health->Watch(&context, {});
  grpc::health::v1::HealthCheckResponse response;
  ASSERT_TRUE(stream->Read(&response));
  Stop();
  EXPECT_FALSE(stream->Read(&response));
  ExpectStatus(stream->Finish(), grpc::StatusCode::UNAVAILABLE, "etcdserver: server stopped");
}

TEST_F(Shutdown, LetsRequestsInFlightFinish) {
  Start();
  group_.Hold();
  std::thread client([this] { EXPECT_TRUE(Put("k", "v").ok()); });
  group_.AwaitHeld(1);
  std::thread stopping([this] { Stop(); });
  group_.Release();
  client.join();
  stopping.join();
}

// A node drains, stops its replica, which answers what is left, and only then closes the connections.
TEST_F(Shutdown, WhatRaftAnswersAtItsEndIsStillSent) {
  Start();
  group_.Hold();
  std::thread client(
      [this] { ExpectStatus(Put("k", "v"), grpc::StatusCode::UNAVAILABLE, "etcdserver: server stopped"); });
  group_.AwaitHeld(1);
  server_->Drain(Clock::now() + std::chrono::milliseconds(100));
  group_.FailWith(raft::MakeRaftError(raft::RaftError::kStopped, "the replica stops"));
  group_.Release();
  client.join();
  server_->Shutdown();
}

// The node gives up waiting for the removal, which may take minutes, before it drains.
TEST_F(Shutdown, ACompactionWhoseRemovalIsGivenUpDelaysNothing) {
  absl::Mutex mu;
  absl::AnyInvocable<void(absl::Status)> removed;
  when_compacted_ = [&](Revision /*revision*/, absl::AnyInvocable<void(absl::Status)> done) {
    const absl::MutexLock lock(&mu);
    removed = std::move(done);
  };
  Start();
  std::thread client([this] {
    etcdserverpb::CompactionRequest request;
    request.set_revision(1);
    request.set_physical(true);
    etcdserverpb::CompactionResponse response;
    grpc::ClientContext context;
    SetDeadline(context);
    ExpectStatus(kv_->Compact(&context, request, &response), grpc::StatusCode::UNAVAILABLE,
                 "etcdserver: server stopped");
  });
  {
    const absl::MutexLock lock(&mu);
    const auto waits = [&removed] { return removed != nullptr; };
    mu.Await(absl::Condition(&waits));
    std::move(removed)(errors::Stopped());
  }
  const auto begin = Clock::now();
  Stop();
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds(5));
  client.join();
}

// A client that was asleep when goodbye was said, and asks before it has read that, gets an error of gRPC's.
TEST_F(Shutdown, WhatComesAfterDrainIsNotDone) {
  Start();
  ASSERT_TRUE(Put("k", "v").ok());  // The connection is there.
  server_->Drain(Clock::now());
  EXPECT_FALSE(Put("k", "v").ok());
  grpc::ClientContext context;
  SetDeadline(context);
  const auto stream = watch_->Watch(&context);
  etcdserverpb::WatchResponse response;
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_FALSE(stream->Finish().ok());
  EXPECT_EQ(group_.proposals(), 1U);
  server_->Shutdown();
}

// Whoever waits for an answer when the server says goodbye gets the answer, and goes elsewhere with the next
// request: clients that are never idle see no error. Not one of them is between an answer and the next
// request when gRPC stops taking calls, or that request would be cancelled.
TEST_F(Shutdown, ClientsThatAreNeverIdleAreAnsweredToTheEnd) {
  constexpr int kRounds = 2;
  options_.goodbye_pause = std::chrono::seconds(2);  // In which every client gets its next request to us.
  for (int round = 0; round < kRounds; ++round) {
    options_.listen[0].port = 0;
    Start();
    constexpr int kClients = 16;
    std::atomic<int> answered{0};
    std::vector<std::thread> clients;
    for (int i = 0; i < kClients; ++i) {
      clients.emplace_back([this, &answered] {
        grpc::Status status;
        bool first = true;
        while ((status = Put("k", "v")).ok()) {
          if (std::exchange(first, false)) ++answered;
        }
        // Nobody is elsewhere.
        EXPECT_TRUE(status.error_message().starts_with("failed to connect")) << status.error_message();
      });
    }
    while (answered < kClients) std::this_thread::yield();
    Stop();
    for (std::thread& client : clients) client.join();
  }
}

// Its answer is being held back: the call must stay until it is let go.
TEST_F(Shutdown, AClientThatLeavesDuringTheGoodbyeHarmsNothing) {
  options_.goodbye_pause = std::chrono::seconds(2);
  Start();
  ASSERT_TRUE(Put("k", "v").ok());  // The connection is there.
  std::thread stopping([this] { Stop(); });
  grpc::Status status;
  while (status.ok()) {  // Answered at once, until answers are held back.
    etcdserverpb::StatusRequest request;
    etcdserverpb::StatusResponse response;
    grpc::ClientContext context;
    SetDeadline(context, std::chrono::milliseconds(100));
    status = maintenance_->Status(&context, request, &response);
  }
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED) << status.error_message();
  stopping.join();
}

TEST_F(Shutdown, ProbesHearThatTheServerStops) {
  Start();
  RawClient probe(port_);
  probe.Send("GET /readyz HTTP/1.1\r\nHost: test\r\n\r\n");
  EXPECT_NE(probe.ReadUntil("ok\n").find("200 OK"), std::string::npos);
  server_->Drain(Clock::now());
  probe.Send("GET /readyz HTTP/1.1\r\nHost: test\r\n\r\n");
  EXPECT_NE(probe.ReadUntil("linearizable_read failed: etcdserver: server stopped").find("503 "),
            std::string::npos);
  probe.Send("GET /health HTTP/1.1\r\nHost: test\r\n\r\n");
  EXPECT_NE(probe.ReadUntil("\"health\":\"false\"").find("RANGE ERROR:etcdserver: server stopped"),
            std::string::npos);
}

// As an HTTP/2 client that was stopped by a debugger: it confirms nothing that gRPC tells it.
TEST_F(Shutdown, AClientThatIsSilentDelaysNothing) {
  Start();
  RawClient silent(port_);
  silent.Send(Http2Preface());
  silent.ReadUntil(std::string("\0\0\0\x04\x01", 5));  // The server has confirmed the settings.
  const auto begin = Clock::now();
  Stop(std::chrono::seconds(5));
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds(2));
}

// The same with an answer that fills all buffers on the way.
TEST_F(Shutdown, AClientWhoseSocketIsFullDelaysLittle) {
  Start();
  store_.SetBigValue(64 << 20);
  etcdserverpb::RangeRequest request;
  request.set_key("k");
  RawClient frozen(port_);
  frozen.Send(Http2Preface(/*wide=*/true) + Http2Headers(1, "/etcdserverpb.KV/Range") +
              Http2Message(1, request.SerializeAsString()));
  frozen.ReadUntil("vvvv");
  const auto begin = Clock::now();
  Stop(std::chrono::seconds(5));
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds(5));
}

TEST_F(Shutdown, CutsWhatIsLeftAtTheDeadline) {
  Start();
  group_.Hold();
  std::thread client([this] { EXPECT_FALSE(Put("k", "v").ok()); });
  group_.AwaitHeld(1);
  const auto begin = Clock::now();
  Stop(std::chrono::milliseconds(100));
  client.join();
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds(5));
  group_.Release();
  server_.reset();  // Waits for the answer that has nobody to go to.
}

TEST_F(Shutdown, ClosesTheSocketsAndTheSilentConnections) {
  Start();
  RawClient silent(port_);
  Stop();
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
