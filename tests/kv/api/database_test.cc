// The API on the real store, state machine and watch hub, in memory: that the parts fit. What each of them
// promises is tested where it lives.
#include "kv/apply/database.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "etcd/rpc.grpc.pb.h"
#include "kv/api/server.h"
#include "kv/watch/hub.h"
#include "tests/kv/api/fake_group.h"

namespace cairn::kv::api {
namespace {

class ApiOnDatabase : public testing::Test {
 protected:
  ApiOnDatabase() {
    Members members;
    members.config.voters = {raft::NodeId{1}};
    members.members.resize(1);
    members.members[0].id = raft::NodeId{1};
    database_ = KvDatabase::OpenInMemory(members).value();
    const MemberIdentity identity = {.cluster_id = 9, .member_id = 1, .raft_term = [] { return 1; }};
    hub_ = Hub::Create(database_->reader(), identity, {});
    database_->SetFeed(hub_.get());
    group_ = std::make_unique<FakeGroup>([this](const Payload& command) { return Apply(command); });
    ApiOptions options;
    options.listen = {{.host = "127.0.0.1", .port = 0}};
    server_ = ApiServer::Start(options,
                               {.group = *group_,
                                .reader = database_->reader(),
                                .hub = *hub_,
                                .identity = identity,
                                .members = [this] { return database_->members(); },
                                .when_compacted =
                                    [this](Revision revision, absl::AnyInvocable<void(absl::Status)> done) {
                                      database_->WhenCompacted(revision, std::move(done));
                                    },
                                .transport_stats = {}})
                  .value();
    channel_ = grpc::CreateChannel("127.0.0.1:" + std::to_string(server_->ports().at(0)),
                                   grpc::InsecureChannelCredentials());
    kv_ = etcdserverpb::KV::NewStub(channel_);
  }

  ~ApiOnDatabase() override {
    server_.reset();
    group_.reset();  // No more Apply().
    database_->SetFeed(nullptr);
  }

  // One entry after the other, on the group's thread.
  absl::StatusOr<std::unique_ptr<raft::ApplyResult>> Apply(const Payload& command) {
    absl::StatusOr<std::unique_ptr<raft::ApplyResult>> result = absl::InternalError("not answered");
    raft::ApplyItem item;
    item.entry.id = {.term = raft::Term{1}, .index = raft::Index{++index_}};
    item.entry.kind = raft::EntryKind::kCommand;
    item.entry.payload = command;
    item.done = [&](absl::StatusOr<std::unique_ptr<raft::ApplyResult>> done) { result = std::move(done); };
    std::vector<raft::ApplyItem> items;
    items.push_back(std::move(item));
    const absl::Status applied = database_->state_machine().Apply(items);
    EXPECT_TRUE(applied.ok()) << applied;
    return result;
  }

  grpc::Status Put(const std::string& key, const std::string& value,
                   etcdserverpb::PutResponse* response = nullptr) {
    etcdserverpb::PutRequest request;
    request.set_key(key);
    request.set_value(value);
    request.set_prev_kv(true);
    etcdserverpb::PutResponse ignored;
    grpc::ClientContext context;
    return kv_->Put(&context, request, response != nullptr ? response : &ignored);
  }

  etcdserverpb::RangeResponse Range(const std::string& key, const std::string& end,
                                    std::int64_t revision = 0) {
    etcdserverpb::RangeRequest request;
    request.set_key(key);
    request.set_range_end(end);
    request.set_revision(revision);
    etcdserverpb::RangeResponse response;
    grpc::ClientContext context;
    const grpc::Status status = kv_->Range(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

  std::uint64_t index_ = 0;
  std::unique_ptr<KvDatabase> database_;
  std::unique_ptr<Hub> hub_;
  std::unique_ptr<FakeGroup> group_;
  std::unique_ptr<ApiServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<etcdserverpb::KV::Stub> kv_;
};

TEST_F(ApiOnDatabase, PutGetTxnDeleteAndCompact) {
  EXPECT_EQ(Range("k", "").header().revision(), 1);
  etcdserverpb::PutResponse put;
  ASSERT_TRUE(Put("k", "1", &put).ok());
  EXPECT_FALSE(put.has_prev_kv());
  ASSERT_TRUE(Put("k", "2", &put).ok());
  EXPECT_EQ(put.prev_kv().value(), "1");
  EXPECT_EQ(put.header().revision(), 3);

  etcdserverpb::TxnRequest txn;
  etcdserverpb::Compare& compare = *txn.add_compare();
  compare.set_key("k");
  compare.set_target(etcdserverpb::Compare::VERSION);
  compare.set_version(2);
  txn.add_success()->mutable_request_put()->set_key("j");
  txn.add_success()->mutable_request_range()->set_key("j");
  etcdserverpb::TxnResponse answered;
  grpc::ClientContext txn_context;
  ASSERT_TRUE(kv_->Txn(&txn_context, txn, &answered).ok());
  EXPECT_TRUE(answered.succeeded());
  EXPECT_EQ(answered.header().member_id(), 1U);
  EXPECT_EQ(answered.responses(1).response_range().count(), 1);

  EXPECT_EQ(Range("a", "z").count(), 2);
  EXPECT_EQ(Range("k", "", 2).kvs(0).value(), "1");

  etcdserverpb::CompactionRequest compact;
  compact.set_revision(4);
  compact.set_physical(true);
  etcdserverpb::CompactionResponse compacted;
  grpc::ClientContext compact_context;
  ASSERT_TRUE(kv_->Compact(&compact_context, compact, &compacted).ok());
  EXPECT_EQ(compacted.header().revision(), 4);
  grpc::ClientContext again;
  EXPECT_EQ(kv_->Compact(&again, compact, &compacted).error_message(),
            "etcdserver: mvcc: required revision has been compacted");

  etcdserverpb::DeleteRangeRequest all;
  all.set_key(std::string(1, '\0'));
  all.set_range_end(std::string(1, '\0'));
  etcdserverpb::DeleteRangeResponse deleted;
  grpc::ClientContext delete_context;
  ASSERT_TRUE(kv_->DeleteRange(&delete_context, all, &deleted).ok());
  EXPECT_EQ(deleted.deleted(), 2);
  EXPECT_EQ(Range("a", "z").count(), 0);
}

TEST_F(ApiOnDatabase, StreamedRangesAreTheSameAsWhole) {
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(Put("k" + std::to_string(i), std::string(200'000, 'v')).ok());
  etcdserverpb::RangeRequest request;
  request.set_key("k");
  request.set_range_end("l");
  request.set_limit(15);
  grpc::ClientContext context;
  const auto stream = kv_->RangeStream(&context, request);
  etcdserverpb::RangeResponse merged;
  etcdserverpb::RangeStreamResponse chunk;
  int chunks = 0;
  while (stream->Read(&chunk)) {
    merged.MergeFrom(chunk.range_response());
    ++chunks;
  }
  ASSERT_TRUE(stream->Finish().ok());
  EXPECT_GE(chunks, 3);
  etcdserverpb::RangeResponse whole;
  grpc::ClientContext whole_context;
  ASSERT_TRUE(kv_->Range(&whole_context, request, &whole).ok());
  EXPECT_EQ(merged.SerializeAsString(), whole.SerializeAsString());
  EXPECT_TRUE(whole.more());
}

TEST_F(ApiOnDatabase, WatchReplaysAndFollows) {
  ASSERT_TRUE(Put("k", "1").ok());
  const auto stub = etcdserverpb::Watch::NewStub(channel_);
  grpc::ClientContext context;
  const auto stream = stub->Watch(&context);
  etcdserverpb::WatchRequest request;
  request.mutable_create_request()->set_key("k");
  request.mutable_create_request()->set_start_revision(2);
  ASSERT_TRUE(stream->Write(request));
  ASSERT_TRUE(stream->WritesDone());
  etcdserverpb::WatchResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_TRUE(response.created());
  EXPECT_EQ(response.header().cluster_id(), 9U);
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.events(0).kv().value(), "1");
  ASSERT_TRUE(Put("other", "x").ok());
  ASSERT_TRUE(Put("k", "2").ok());
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.events(0).kv().value(), "2");
  EXPECT_EQ(response.header().revision(), 4);
}

}  // namespace
}  // namespace cairn::kv::api
