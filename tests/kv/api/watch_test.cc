#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/kv/api/api_test_base.h"

namespace cairn::kv::api {
namespace {

using etcdserverpb::WatchRequest;
using etcdserverpb::WatchResponse;
using Stream = grpc::ClientReaderWriter<WatchRequest, WatchResponse>;

WatchRequest Create(const std::string& key) {
  WatchRequest request;
  request.mutable_create_request()->set_key(key);
  return request;
}

WatchResponse Event(std::int64_t revision, std::size_t value_bytes = 1) {
  WatchResponse response;
  response.mutable_header()->set_revision(revision);
  response.add_events()->mutable_kv()->set_value(std::string(value_bytes, 'v'));
  return response;
}

class WatchService : public ApiTest {
 protected:
  // A stream with one watch that has been created.
  std::unique_ptr<Stream> Open(grpc::ClientContext& context) {
    SetDeadline(context);
    auto stream = watch_->Watch(&context);
    EXPECT_TRUE(stream->Write(Create("k")));
    WatchResponse response;
    EXPECT_TRUE(stream->Read(&response));
    EXPECT_TRUE(response.created());
    return stream;
  }
};

TEST_F(WatchService, SendsWhatTheHubHasInOrder) {
  Start();
  grpc::ClientContext context;
  const auto stream = Open(context);
  for (int i = 2; i < 200; ++i) hub_.Emit(Event(i));
  WatchResponse response;
  for (int i = 2; i < 200; ++i) {
    ASSERT_TRUE(stream->Read(&response));
    EXPECT_EQ(response.header().revision(), i);
  }
}

TEST_F(WatchService, TakesRequestsWhileEventsFlow) {
  Start();
  grpc::ClientContext context;
  const auto stream = Open(context);
  std::thread writer([this] {
    for (int i = 2; i < 302; ++i) hub_.Emit(Event(i));
  });
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(stream->Write(Create("k")));
  int created = 0;
  std::int64_t last = 1;
  WatchResponse response;
  for (int i = 0; i < 400; ++i) {
    ASSERT_TRUE(stream->Read(&response));
    if (response.created()) {
      EXPECT_EQ(response.watch_id(), ++created);
    } else {
      EXPECT_EQ(response.header().revision(), ++last);
    }
  }
  writer.join();
  EXPECT_EQ(created, 100);
}

TEST_F(WatchService, HalfClosedByTheClientItGoesOn) {
  Start();
  grpc::ClientContext context;
  const auto stream = Open(context);
  ASSERT_TRUE(stream->WritesDone());
  WatchResponse response;
  for (int i = 2; i < 20; ++i) {
    hub_.Emit(Event(i));
    ASSERT_TRUE(stream->Read(&response));
    EXPECT_EQ(response.header().revision(), i);
  }
}

TEST_F(WatchService, LargeResponsesAreSentWhole) {
  Start();
  grpc::ClientContext context;
  const auto stream = Open(context);
  hub_.Emit(Event(2, 6 << 20));
  WatchResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.events(0).kv().value().size(), std::size_t{6} << 20);
}

TEST_F(WatchService, CancellingTheCallClosesTheStream) {
  Start();
  grpc::ClientContext context;
  const auto stream = Open(context);
  hub_.AwaitStreams(1);
  context.TryCancel();
  hub_.AwaitStreams(0);
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(WatchService, AVanishedClientClosesItsStreams) {
  Start();
  {
    const auto channel = NewChannel();
    grpc::ClientContext context;
    const auto stream = etcdserverpb::Watch::NewStub(channel)->Watch(&context);
    stream->Write(Create("k"));
    hub_.AwaitHandled(1);
    context.TryCancel();
  }
  hub_.AwaitStreams(0);
}

TEST_F(WatchService, EventsForAStreamThatIsGoingAwayHarmNothing) {
  Start();
  for (int round = 0; round < 50; ++round) {
    grpc::ClientContext context;
    const auto stream = Open(context);
    std::thread writer([this] {
      for (int i = 0; i < 20; ++i) hub_.Emit(Event(2));
    });
    context.TryCancel();
    writer.join();
  }
  hub_.AwaitStreams(0);
}

// What it is owed would fill memory otherwise. Its requests wait in TCP until it reads.
TEST_F(WatchService, AClientThatDoesNotReadIsNotReadFrom) {
  constexpr int kRequests = 3000;
  Start();
  grpc::ClientContext context;
  const auto stream = Open(context);
  hub_.Emit(Event(2, 32 << 20));  // Beyond all windows: the answers to the requests queue up behind it.
  std::thread writer([&] {
    for (int i = 0; i < kRequests; ++i) ASSERT_TRUE(stream->Write(Create("k")));
  });
  hub_.AwaitHandled(1024);
  hub_.AwaitTicks(hub_.ticks() + 3);
  EXPECT_LE(hub_.handled(), 1030U);
  WatchResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.events_size(), 1);
  for (int i = 1; i <= kRequests; ++i) {
    ASSERT_TRUE(stream->Read(&response));
    EXPECT_EQ(response.watch_id(), i);
  }
  writer.join();
}

// A hub that has nothing to send at the moment may owe answers all the same.
TEST_F(WatchService, AClientThatIsOwedAnswersIsNotReadFromWhileTheHubSearches) {
  constexpr int kRequests = 3000;
  Start();
  grpc::ClientContext context;
  const auto stream = Open(context);
  hub_.HoldResponses();
  std::thread writer([&] {
    for (int i = 0; i < kRequests; ++i) ASSERT_TRUE(stream->Write(Create("k")));
  });
  hub_.AwaitHandled(1024);
  hub_.AwaitTicks(hub_.ticks() + 3);
  EXPECT_LE(hub_.handled(), 1030U);
  hub_.ReleaseResponses();
  WatchResponse response;
  for (int i = 1; i <= kRequests; ++i) {
    ASSERT_TRUE(stream->Read(&response));
    EXPECT_EQ(response.watch_id(), i);
  }
  writer.join();
}

// It would keep the bytes of its response from all other watches.
TEST_F(WatchService, AClientThatDoesNotTakeALargeResponseLosesItsStream) {
  options_.large_answer_deadline = std::chrono::seconds(3);
  Start();
  RawClient slow(port_);
  slow.Send(Http2Call("/etcdserverpb.Watch/Watch", Create("k").SerializeAsString()));
  grpc::ClientContext context;
  const auto stream = Open(context);
  hub_.AwaitHandled(2);
  hub_.Emit(Event(2, 3 << 20));
  WatchResponse response;
  ASSERT_TRUE(stream->Read(&response));
  hub_.AwaitStreams(1);
  // Who took it is left alone, also afterwards.
  hub_.AwaitTicks(hub_.ticks() + 3);
  hub_.Emit(Event(3));
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.header().revision(), 3);
}

TEST_F(WatchService, MalformedRequestsEndTheStream) {
  Start();
  grpc::ClientContext context;
  SetDeadline(context);
  const auto stream = watch_->Watch(&context);
  // The C++ client cannot write a broken message; a message over the limit goes the same way.
  stream->Write(Create(std::string(options_.receive_limit(), 'k')));
  WatchResponse response;
  while (stream->Read(&response)) {
  }
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(WatchService, ThatAsksForALeaderIsRefusedWithoutOne) {
  Start();
  group_.SetLeader(std::nullopt);
  grpc::ClientContext context;
  SetDeadline(context);
  context.AddMetadata("hasleader", "true");
  const auto stream = watch_->Watch(&context);
  WatchResponse response;
  EXPECT_FALSE(stream->Read(&response));
  ExpectStatus(stream->Finish(), grpc::StatusCode::UNAVAILABLE, "etcdserver: no leader");
}

TEST_F(WatchService, ThatAsksForALeaderEndsWhenItIsLostAndOthersStay) {
  Start();
  grpc::ClientContext asking;
  asking.AddMetadata("hasleader", "true");
  const auto ending = Open(asking);
  grpc::ClientContext not_asking;
  const auto staying = Open(not_asking);
  group_.SetLeader(std::nullopt);
  WatchResponse response;
  EXPECT_FALSE(ending->Read(&response));
  ExpectStatus(ending->Finish(), grpc::StatusCode::UNAVAILABLE, "etcdserver: no leader");
  hub_.Emit(Event(5));
  ASSERT_TRUE(staying->Read(&response));
  EXPECT_EQ(response.header().revision(), 5);
}

TEST_F(WatchService, ALeaderLostForAMomentEndsNothing) {
  options_.election_timeout = std::chrono::milliseconds(500);
  Start();
  grpc::ClientContext asking;
  asking.AddMetadata("hasleader", "true");
  const auto stream = Open(asking);
  group_.SetLeader(std::nullopt);
  hub_.AwaitTicks(7);  // Longer than one check, shorter than three.
  group_.SetLeader(raft::NodeId{0xa1});
  hub_.AwaitTicks(25);
  hub_.Emit(Event(5));
  WatchResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.header().revision(), 5);
}

TEST_F(WatchService, TheHubIsTicked) {
  Start();
  hub_.AwaitTicks(2);
}

}  // namespace
}  // namespace cairn::kv::api
