#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "health/health.grpc.pb.h"
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

  static std::string RangeOf(const std::string& key) {
    etcdserverpb::RangeRequest request;
    request.set_key(key);
    return request.SerializeAsString();
  }

  // Each kind of read that looks at what FakeStore::HoldReads() says, answered without Raft.
  using Read = std::function<grpc::Status(grpc::ClientContext& context)>;
  std::vector<Read> ReadsOfManyKeys() {
    etcdserverpb::RangeRequest all;
    all.set_key("a");
    all.set_range_end("z");
    all.set_serializable(true);
    etcdserverpb::RangeRequest first = all;
    first.set_limit(1);
    const auto range = [this](const etcdserverpb::RangeRequest& request) {
      return [this, request](grpc::ClientContext& context) {
        etcdserverpb::RangeResponse response;
        return kv_->Range(&context, request, &response);
      };
    };
    const auto txn = [this, all](grpc::ClientContext& context) {
      etcdserverpb::TxnRequest request;
      *request.add_success()->mutable_request_range() = all;
      etcdserverpb::TxnResponse response;
      return kv_->Txn(&context, request, &response);
    };
    const auto stream = [this, all](grpc::ClientContext& context) {
      const auto reader = kv_->RangeStream(&context, all);
      etcdserverpb::RangeStreamResponse response;
      while (reader->Read(&response)) {
      }
      return reader->Finish();
    };
    return {range(all), range(first), txn, stream};
  }
  // Until the server has no more of them.
  void AwaitNoReads() {
    AwaitMetric("cairn_requests_in_flight 0");
    AwaitMetric("cairn_streams 0");
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

// A client that asks for much and reads nothing must not be able to ask again and again; who asks for little
// is served all the same.
TEST_F(Limits, LargeAnswersOnTheirWayAreBounded) {
  options_.max_response_bytes_in_flight = 8 << 20;
  Start();
  store_.SetBigValue(16 << 20);
  {
    RawClient slow(port_);
    slow.Send(Http2Call("/etcdserverpb.KV/Range", RangeOf("k")));
    AwaitMetric("cairn_response_bytes_in_flight 167772");
    ExpectStatus(Get("k"), grpc::StatusCode::UNKNOWN, "etcdserver: too many requests");
    ExpectStatus(Get("k", nullptr, true), grpc::StatusCode::UNKNOWN, "etcdserver: too many requests");
    store_.SetBigValue(1 << 10);
    EXPECT_TRUE(Get("k").ok());
    EXPECT_TRUE(Get("k", nullptr, true).ok());
    EXPECT_TRUE(Put("k", "v").ok());
  }
  AwaitMetric("cairn_response_bytes_in_flight 0");  // Its connection is closed: what it held is given back.
  store_.SetBigValue(16 << 20);
  EXPECT_TRUE(Get("k").ok());
}

TEST_F(Limits, AStreamedRangeCountsUntilItIsTaken) {
  options_.max_response_bytes_in_flight = 8 << 20;
  Start();
  store_.SetBigValue(16 << 20);
  {
    RawClient slow(port_);
    slow.Send(Http2Call("/etcdserverpb.KV/RangeStream", RangeOf("k")));
    AwaitMetric("cairn_response_bytes_in_flight 167772");
    ExpectStatus(Get("k"), grpc::StatusCode::UNKNOWN, "etcdserver: too many requests");
  }
  AwaitMetric("cairn_response_bytes_in_flight 0");
  EXPECT_TRUE(Get("k").ok());
}

// What a write gives back is known only when it has happened, and then it must be answered.
TEST_F(Limits, WritesThatMayReturnMuchWaitTheirTurn) {
  options_.max_response_bytes_in_flight = 8 << 20;
  Start();
  store_.SetBigValue(16 << 20);
  RawClient slow(port_);
  slow.Send(Http2Call("/etcdserverpb.KV/Range", RangeOf("k")));
  AwaitMetric("cairn_response_bytes_in_flight 167772");
  const auto refused = [](const grpc::Status& status) {
    ExpectStatus(status, grpc::StatusCode::UNKNOWN, "etcdserver: too many requests");
  };
  etcdserverpb::PutRequest put;
  put.set_key("k");
  put.set_prev_kv(true);
  etcdserverpb::DeleteRangeRequest erase;
  erase.set_key("k");
  erase.set_prev_kv(true);
  etcdserverpb::TxnRequest txn;
  txn.add_success()->mutable_request_put()->set_key("k");
  txn.add_failure()->mutable_request_txn()->add_success()->mutable_request_range()->set_key("k");
  {
    grpc::ClientContext context;
    etcdserverpb::PutResponse response;
    refused(kv_->Put(&context, put, &response));
  }
  {
    grpc::ClientContext context;
    etcdserverpb::DeleteRangeResponse response;
    refused(kv_->DeleteRange(&context, erase, &response));
  }
  {
    grpc::ClientContext context;
    etcdserverpb::TxnResponse response;
    refused(kv_->Txn(&context, txn, &response));
  }
  EXPECT_EQ(group_.proposals(), 0U);
  EXPECT_TRUE(Put("k", "v").ok());
}

TEST_F(Limits, ALargeAnswerThatNobodyTakesIsGivenUp) {
  options_.large_answer_deadline = std::chrono::milliseconds(200);
  Start();
  store_.SetBigValue(16 << 20);
  RawClient slow(port_);
  slow.Send(Http2Call("/etcdserverpb.KV/Range", RangeOf("k")));
  RawClient slow_stream(port_);
  slow_stream.Send(Http2Call("/etcdserverpb.KV/RangeStream", RangeOf("k")));
  AwaitMetric("cairn_calls_gone_total 2");  // Both stay: the server has let them go.
  AwaitMetric("cairn_response_bytes_in_flight 0");
}

// Answered is answered: a client that does not take its answers holds memory, which is counted, but nobody
// else's place.
TEST_F(Limits, AnswersThatNobodyTakesHoldNoPlace) {
  options_.max_requests_in_flight = 2;
  Start();
  store_.SetBigValue(16 << 20);
  RawClient one(port_);
  RawClient two(port_);
  one.Send(Http2Call("/etcdserverpb.KV/Range", RangeOf("k")));
  two.Send(Http2Call("/etcdserverpb.KV/Range", RangeOf("k")));
  AwaitMetric("cairn_response_bytes_in_flight 3355");
  EXPECT_TRUE(Put("k", "v").ok());
}

// gRPC compares its limit with the size on the wire: a few kilobytes of gzip would be gigabytes here before
// anybody looked. Go's etcd knows no compression either.
TEST_F(Limits, CompressedRequestsAreRefusedUnread) {
  Start();
  for (const grpc_compression_algorithm algorithm : {GRPC_COMPRESS_GZIP, GRPC_COMPRESS_DEFLATE}) {
    etcdserverpb::PutRequest request;
    request.set_key("k");
    request.set_value(std::string(64 << 20, '\0'));
    etcdserverpb::PutResponse response;
    grpc::ClientContext context;
    SetDeadline(context);
    context.set_compression_algorithm(algorithm);
    EXPECT_EQ(kv_->Put(&context, request, &response).error_code(), grpc::StatusCode::UNIMPLEMENTED);
  }
  EXPECT_TRUE(Put("k", "v").ok());
}

TEST_F(Limits, BytesOfRequestsInFlightAreBounded) {
  options_.max_request_bytes_in_flight = 3 << 20;
  Start();
  group_.Hold();
  const std::string value(1400 << 10, 'v');
  std::vector<std::thread> clients;
  for (int i = 0; i < 2; ++i) {
    clients.emplace_back([&] { EXPECT_TRUE(Put("k", value).ok()); });
  }
  group_.AwaitHeld(2);
  grpc::Status refused;
  std::thread third([&] { refused = Put("k", value); });
  third.join();
  ExpectStatus(refused, grpc::StatusCode::UNKNOWN, "etcdserver: too many requests");
  group_.Release();
  for (std::thread& client : clients) client.join();
  EXPECT_TRUE(Put("k", value).ok());
}

TEST_F(Limits, StreamsAreBounded) {
  options_.max_streams = 2;
  Start();
  const auto open = [&](grpc::ClientContext& context) {
    SetDeadline(context);
    auto stream = watch_->Watch(&context);
    etcdserverpb::WatchRequest request;
    request.mutable_create_request()->set_key("k");
    stream->Write(request);
    return stream;
  };
  {
    grpc::ClientContext first_context;
    grpc::ClientContext second_context;
    grpc::ClientContext third_context;
    const auto first = open(first_context);
    const auto second = open(second_context);
    etcdserverpb::WatchResponse response;
    ASSERT_TRUE(first->Read(&response));
    ASSERT_TRUE(second->Read(&response));
    const auto third = open(third_context);
    EXPECT_FALSE(third->Read(&response));
    ExpectStatus(third->Finish(), grpc::StatusCode::UNKNOWN, "etcdserver: too many requests");
    EXPECT_TRUE(Put("k", "v").ok());
    first_context.TryCancel();
    second_context.TryCancel();
  }
  hub_.AwaitStreams(0);
  grpc::ClientContext context;
  const auto stream = open(context);
  etcdserverpb::WatchResponse response;
  EXPECT_TRUE(stream->Read(&response));
  context.TryCancel();
}

// Calls that never send their message cost memory long before we hear of them.
TEST_F(Limits, CallsOfOneConnectionAreBounded) {
  options_.max_calls_per_connection = 8;
  Start();
  RawClient greedy(port_);
  greedy.Send(Http2Preface());
  greedy.ReadUntil(std::string("\0\0\0\x04\x01", 5));  // It knows our settings by then,
  greedy.Send(Http2SettingsAck());                     // and says so: gRPC asks no more of others.
  for (int stream = 1; stream < 100; stream += 2) greedy.Send(Http2Headers(stream, "/etcdserverpb.KV/Put"));
  EXPECT_TRUE(greedy.AwaitClose());
  EXPECT_TRUE(Put("k", "v").ok());
}

// A read of many keys takes long; the calls that share its poller take no longer for it.
TEST_F(Limits, ReadsOfManyKeysHoldUpNobody) {
  options_.pollers = 1;
  Start();
  ASSERT_TRUE(Put("k", "v").ok());
  const auto health = grpc::health::v1::Health::NewStub(channel_);
  for (const Read& read : ReadsOfManyKeys()) {
    store_.HoldReads(1'000'000);
    std::thread reader([&read] {
      grpc::ClientContext context;
      SetDeadline(context);
      EXPECT_TRUE(read(context).ok());
    });
    store_.AwaitHeldReads(1);
    EXPECT_TRUE(Put("zz", "v").ok());
    EXPECT_TRUE(Get("k").ok());
    grpc::ClientContext context;
    SetDeadline(context);
    grpc::health::v1::HealthCheckResponse serving;
    EXPECT_TRUE(health->Check(&context, {}, &serving).ok());
    store_.ReleaseReads();
    reader.join();
  }
}

// Or a client that gives up and asks again would fill the worker with reads for nobody.
TEST_F(Limits, ReadsThatWaitAreNotDoneForClientsThatHaveGone) {
  Start();
  store_.HoldReads(1'000'000);
  const std::vector<Read> reads = ReadsOfManyKeys();
  std::thread staying([&read = reads.front()] {
    grpc::ClientContext context;
    SetDeadline(context);
    EXPECT_TRUE(read(context).ok());
  });
  store_.AwaitHeldReads(1);
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::thread> leaving;
  for (const Read& read : reads) {
    grpc::ClientContext& context = *contexts.emplace_back(std::make_unique<grpc::ClientContext>());
    SetDeadline(context);
    leaving.emplace_back(
        [&read, &context] { EXPECT_EQ(read(context).error_code(), grpc::StatusCode::CANCELLED); });
  }
  AwaitMetric("cairn_requests_in_flight 4");
  AwaitMetric(
      "grpc_server_msg_received_total{grpc_type=\"server_stream\",grpc_service=\"etcdserverpb.KV\","
      "grpc_method=\"RangeStream\"} 1");
  for (const auto& context : contexts) context->TryCancel();
  for (std::thread& client : leaving) client.join();
  AwaitMetric("cairn_calls_gone_total 4");
  store_.ReleaseReads();
  staying.join();
  AwaitNoReads();
  EXPECT_EQ(store_.ranges, 4);  // Three tries on a poller, one read on the worker.
  EXPECT_EQ(store_.read_only_txns, 1);
}

TEST_F(Limits, AReadUnderWayHearsThatItsClientHasGone) {
  Start();
  int gone = 0;
  for (const Read& read : ReadsOfManyKeys()) {
    store_.HoldReads(1'000'000);
    grpc::ClientContext context;
    SetDeadline(context);
    std::thread client([&] { EXPECT_EQ(read(context).error_code(), grpc::StatusCode::CANCELLED); });
    store_.AwaitHeldReads(1);
    context.TryCancel();
    client.join();
    AwaitMetric("cairn_calls_gone_total " + std::to_string(++gone));
    store_.ReleaseReads();
    AwaitNoReads();
    EXPECT_EQ(store_.abandoned_reads, gone);
  }
}

TEST_F(Limits, ReadsOfManyKeysThatWaitAreBounded) {
  Start();
  store_.HoldReads(1'000'000);
  constexpr int kReaders = 300;
  std::atomic<int> refused{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < kReaders; ++i) {
    readers.emplace_back([&] {
      etcdserverpb::RangeRequest request;
      request.set_key("a");
      request.set_range_end("z");
      etcdserverpb::RangeResponse response;
      grpc::ClientContext context;
      SetDeadline(context);
      const grpc::Status status = kv_->Range(&context, request, &response);
      if (status.ok()) return;
      ExpectStatus(status, grpc::StatusCode::UNKNOWN, "etcdserver: too many requests");
      ++refused;
      refused.notify_all();
    });
  }
  refused.wait(0);
  store_.ReleaseReads();
  for (std::thread& reader : readers) reader.join();
  EXPECT_LE(refused, kReaders - 256);
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

// The farthest that the protocol can say is farther than nanoseconds can count.
TEST_F(Limits, ADeadlineInTheFarFutureIsNotOver) {
  Start();
  etcdserverpb::PutRequest request;
  request.set_key("k");
  RawClient client(port_);
  client.Send(Http2Preface() + Http2Headers(1, "/etcdserverpb.KV/Put", {{"grpc-timeout", "99999999H"}}) +
              Http2Message(1, request.SerializeAsString()));
  AwaitMetric("etcd_mvcc_put_total 1");
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
