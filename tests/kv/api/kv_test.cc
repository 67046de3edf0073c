#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "kv/model/errors.h"
#include "tests/kv/api/api_test_base.h"

namespace cairn::kv::api {
namespace {

class KvService : public ApiTest {};

TEST_F(KvService, PutIsReplicatedAndAnsweredWithTheHeaderOfThisMember) {
  Start();
  etcdserverpb::PutResponse response;
  ASSERT_TRUE(Put("k", "v", &response).ok());
  ExpectHeader(response.header(), 2);
  EXPECT_FALSE(response.has_prev_kv());
  EXPECT_EQ(group_.proposals(), 1U);
}

TEST_F(KvService, PrevKvComesThroughBehindTheHeader) {
  Start();
  ASSERT_TRUE(Put("k", "old").ok());
  etcdserverpb::PutRequest request;
  request.set_key("k");
  request.set_value("new");
  request.set_prev_kv(true);
  etcdserverpb::PutResponse response;
  grpc::ClientContext context;
  ASSERT_TRUE(kv_->Put(&context, request, &response).ok());
  EXPECT_EQ(response.prev_kv().value(), "old");
}

TEST_F(KvService, RangeWaitsForALinearizablePoint) {
  Start();
  ASSERT_TRUE(Put("k", "v").ok());
  etcdserverpb::RangeResponse response;
  ASSERT_TRUE(Get("k", &response).ok());
  ExpectHeader(response.header(), 2);
  ASSERT_EQ(response.kvs_size(), 1);
  EXPECT_EQ(response.kvs(0).value(), "v");
  EXPECT_EQ(response.count(), 1);
  EXPECT_EQ(group_.barriers(), 1U);
}

TEST_F(KvService, SerializableRangeAsksNobody) {
  Start();
  group_.Hold();
  group_.SetLeader(std::nullopt);
  etcdserverpb::RangeResponse response;
  ASSERT_TRUE(Get("k", &response, true).ok());
  ExpectHeader(response.header(), 1);
  EXPECT_EQ(group_.barriers(), 0U);
}

TEST_F(KvService, EmptyKeysAreRefusedBeforeTheyAreProposed) {
  Start();
  ExpectStatus(Put("", "v"), grpc::StatusCode::INVALID_ARGUMENT, "etcdserver: key is not provided");
  ExpectStatus(Get(""), grpc::StatusCode::INVALID_ARGUMENT, "etcdserver: key is not provided");
  etcdserverpb::DeleteRangeResponse response;
  grpc::ClientContext context;
  ExpectStatus(kv_->DeleteRange(&context, {}, &response), grpc::StatusCode::INVALID_ARGUMENT,
               "etcdserver: key is not provided");
  EXPECT_EQ(group_.proposals(), 0U);
  EXPECT_EQ(group_.barriers(), 0U);
}

TEST_F(KvService, DeleteAnswersHowMany) {
  Start();
  ASSERT_TRUE(Put("k", "v").ok());
  etcdserverpb::DeleteRangeRequest request;
  request.set_key("k");
  etcdserverpb::DeleteRangeResponse response;
  grpc::ClientContext context;
  ASSERT_TRUE(kv_->DeleteRange(&context, request, &response).ok());
  EXPECT_EQ(response.deleted(), 1);
  ExpectHeader(response.header(), 3);
}

TEST_F(KvService, TxnThatWritesIsReplicated) {
  Start();
  etcdserverpb::TxnRequest request;
  request.add_success()->mutable_request_put()->set_key("k");
  etcdserverpb::TxnResponse response;
  grpc::ClientContext context;
  ASSERT_TRUE(kv_->Txn(&context, request, &response).ok());
  EXPECT_TRUE(response.succeeded());
  ExpectHeader(response.header(), 2);
  EXPECT_EQ(group_.proposals(), 1U);
}

TEST_F(KvService, TxnThatOnlyReadsIsNotReplicated) {
  Start();
  etcdserverpb::TxnRequest request;
  request.add_success()->mutable_request_range()->set_key("k");
  etcdserverpb::TxnResponse response;
  grpc::ClientContext context;
  ASSERT_TRUE(kv_->Txn(&context, request, &response).ok());
  EXPECT_EQ(group_.proposals(), 0U);
  EXPECT_EQ(group_.barriers(), 1U);
  EXPECT_EQ(store_.read_only_txns, 1);
}

TEST_F(KvService, TxnOfSerializableReadsAsksNobody) {
  Start();
  etcdserverpb::TxnRequest request;
  request.add_failure()->mutable_request_range()->set_key("k");
  request.mutable_failure(0)->mutable_request_range()->set_serializable(true);
  etcdserverpb::TxnResponse response;
  grpc::ClientContext context;
  ASSERT_TRUE(kv_->Txn(&context, request, &response).ok());
  EXPECT_EQ(group_.barriers(), 0U);
}

TEST_F(KvService, TxnThatOnlyComparesIsLinearizable) {
  Start();
  etcdserverpb::TxnRequest request;
  request.add_compare()->set_key("k");
  etcdserverpb::TxnResponse response;
  grpc::ClientContext context;
  ASSERT_TRUE(kv_->Txn(&context, request, &response).ok());
  EXPECT_EQ(group_.proposals(), 0U);
  EXPECT_EQ(group_.barriers(), 1U);
}

TEST_F(KvService, ResultsThatAreErrorsKeepCodeAndText) {
  Start();
  store_.SetApplyError(errors::LeaseNotFound());
  ExpectStatus(Put("k", "v"), grpc::StatusCode::NOT_FOUND, "etcdserver: requested lease not found");
}

TEST_F(KvService, ErrorsOfRaftBecomeEtcdsSentences) {
  Start();
  const std::vector<std::tuple<raft::RaftError, grpc::StatusCode, std::string>> cases = {
      {raft::RaftError::kNoLeader, grpc::StatusCode::UNAVAILABLE, "etcdserver: no leader"},
      {raft::RaftError::kTimeout, grpc::StatusCode::UNAVAILABLE, "etcdserver: request timed out"},
      {raft::RaftError::kOverloaded, grpc::StatusCode::UNKNOWN, "etcdserver: too many requests"},
      {raft::RaftError::kTooLarge, grpc::StatusCode::INVALID_ARGUMENT, "etcdserver: request is too large"},
      {raft::RaftError::kStopped, grpc::StatusCode::UNAVAILABLE, "etcdserver: server stopped"},
      {raft::RaftError::kReadInterrupted, grpc::StatusCode::UNAVAILABLE, "etcdserver: leader changed"},
      {raft::RaftError::kLost, grpc::StatusCode::UNAVAILABLE,
       "etcdserver: request timed out, possibly due to previous leader failure"},
      {raft::RaftError::kUnknown, grpc::StatusCode::UNAVAILABLE,
       "etcdserver: request timed out, possibly due to connection lost"}};
  for (const auto& [error, code, text] : cases) {
    group_.FailWith(raft::MakeRaftError(error, "a detail for the log"));
    ExpectStatus(Put("k", "v"), code, text);
    ExpectStatus(Get("k"), code, text);
  }
}

TEST_F(KvService, CompactAnswersWithAHeader) {
  Start();
  etcdserverpb::CompactionRequest request;
  request.set_revision(1);
  etcdserverpb::CompactionResponse response;
  grpc::ClientContext context;
  ASSERT_TRUE(kv_->Compact(&context, request, &response).ok());
  ExpectHeader(response.header(), 1);
}

TEST_F(KvService, PhysicalCompactWaitsUntilTheHistoryIsGone) {
  absl::Mutex mu;
  absl::AnyInvocable<void(absl::Status)> removed;
  when_compacted_ = [&](Revision revision, absl::AnyInvocable<void(absl::Status)> done) {
    EXPECT_EQ(revision, Revision{1});
    const absl::MutexLock lock(&mu);
    removed = std::move(done);
  };
  Start();
  bool answered = false;
  std::thread client([&] {
    etcdserverpb::CompactionRequest request;
    request.set_revision(1);
    request.set_physical(true);
    etcdserverpb::CompactionResponse response;
    grpc::ClientContext context;
    const grpc::Status status = kv_->Compact(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    const absl::MutexLock lock(&mu);
    answered = true;
  });
  {
    const absl::MutexLock lock(&mu);
    const auto asked = [&] { return removed != nullptr; };
    mu.Await(absl::Condition(&asked));
    EXPECT_FALSE(answered);
    removed(absl::OkStatus());
  }
  client.join();
}

TEST_F(KvService, ManyClientsAtOnceAreAllAnswered) {
  Start();
  constexpr int kThreads = 8;
  constexpr int kPuts = 100;
  std::vector<std::thread> clients;
  for (int t = 0; t < kThreads; ++t) {
    clients.emplace_back([this, t] {
      for (int i = 0; i < kPuts; ++i) {
        const std::string key = "k" + std::to_string(t) + "." + std::to_string(i);
        ASSERT_TRUE(Put(key, "v").ok());
        etcdserverpb::RangeResponse response;
        ASSERT_TRUE(Get(key, &response).ok());
        ASSERT_EQ(response.kvs_size(), 1);
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(store_.current_revision(), Revision{1 + kThreads * kPuts});
}

TEST_F(KvService, RangeStreamComesInChunksWithTheHeaderLast) {
  Start();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(Put("k" + std::to_string(i), std::string(500'000, 'v')).ok());
  etcdserverpb::RangeRequest request;
  request.set_key("k");
  request.set_range_end("l");
  grpc::ClientContext context;
  SetDeadline(context);
  const auto stream = kv_->RangeStream(&context, request);
  std::vector<etcdserverpb::RangeResponse> chunks;
  etcdserverpb::RangeStreamResponse response;
  while (stream->Read(&response)) chunks.push_back(response.range_response());
  ASSERT_TRUE(stream->Finish().ok());
  ASSERT_GE(chunks.size(), 3U);
  int keys = 0;
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    keys += chunks[i].kvs_size();
    EXPECT_EQ(chunks[i].has_header(), i + 1 == chunks.size());
  }
  EXPECT_EQ(keys, 5);
  EXPECT_EQ(chunks.back().count(), 5);
  ExpectHeader(chunks.back().header(), 6);
}

TEST_F(KvService, RangeStreamRefusesSortOrders) {
  Start();
  etcdserverpb::RangeRequest request;
  request.set_key("k");
  request.set_sort_order(etcdserverpb::RangeRequest::DESCEND);
  grpc::ClientContext context;
  SetDeadline(context);
  const auto stream = kv_->RangeStream(&context, request);
  etcdserverpb::RangeStreamResponse response;
  EXPECT_FALSE(stream->Read(&response));
  ExpectStatus(stream->Finish(), grpc::StatusCode::UNIMPLEMENTED,
               "RangeStream does not support custom sort orders");
}

}  // namespace
}  // namespace cairn::kv::api
