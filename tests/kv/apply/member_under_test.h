#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "etcd/rpc.pb.h"
#include "kv/apply/database.h"
#include "kv/apply/kv_result.h"
#include "kv/model/command.h"
#include "kv/model/message_writer.h"
#include "kv/store/memory_home.h"
#include "raft/base/status.h"

// One member's database with a log in front of it: requests become entries, answers become messages again.
namespace cairn::kv::test {

inline Members OneMember() {
  Members members;
  members.config.voters = {raft::NodeId{1}};
  members.members = {MemberInfo{.id = raft::NodeId{1}}};
  return members;
}

// An answer as a client would see it, but for the answering member's part of the header.
template <typename Response>
struct Answered {
  absl::Status status;
  Revision revision;
  Response body;

  [[nodiscard]] bool ok() const { return status.ok(); }
  [[nodiscard]] std::string text() const { return std::string(MessageOf(status)); }
};

inline DatabaseOptions SmallOptions() {
  DatabaseOptions options;
  options.store.block_cache_bytes = 1 << 20;
  options.store.memtable_bytes = 1 << 20;
  return options;
}

class MemberUnderTest {
 public:
  // Without threads; `home` keeps what was flushed.
  explicit MemberUnderTest(StoreHome& home, const DatabaseOptions& options = SmallOptions())
      : database_(*KvDatabase::OpenInMemory(home, options, OneMember())) {}
  // On RocksDB.
  explicit MemberUnderTest(const std::string& directory, const DatabaseOptions& options = SmallOptions())
      : database_(*KvDatabase::Open(directory, options, OneMember())) {}

  KvDatabase& database() { return *database_; }
  Reader& reader() { return database_->reader(); }
  raft::StateMachine& machine() { return database_->state_machine(); }

  [[nodiscard]] raft::Index applied() { return machine().recovered().last.index; }

  // The next entry with this content.
  raft::Entry NextEntry(raft::EntryKind kind, Payload payload) {
    raft::Entry entry;
    entry.id = {.term = raft::Term{1}, .index = Next(applied())};
    entry.kind = kind;
    entry.time = ClusterTime{entry.id.index.value() * 10};
    entry.payload = std::move(payload);
    return entry;
  }

  // Applies one command and takes its result.
  std::unique_ptr<KvResult> Apply(Payload command) {
    std::unique_ptr<KvResult> result;
    std::vector<raft::ApplyItem> items(1);
    items[0].entry = NextEntry(raft::EntryKind::kCommand, std::move(command));
    items[0].done = [&result](absl::StatusOr<std::unique_ptr<raft::ApplyResult>> got) {
      result.reset(static_cast<KvResult*>(got->release()));
    };
    const absl::Status status = machine().Apply(items);
    EXPECT_TRUE(status.ok()) << status;
    return result;
  }

  template <typename Response, typename Request>
  Answered<Response> Do(CommandKind kind, const Request& request) {
    const std::unique_ptr<KvResult> result = Apply(EncodeCommand(kind, request.SerializeAsString()));
    Answered<Response> answered{.status = result->status, .revision = result->revision, .body = {}};
    EXPECT_TRUE(answered.body.ParseFromString(Flatten(result->body)));
    return answered;
  }

  Answered<etcdserverpb::PutResponse> Put(const etcdserverpb::PutRequest& request) {
    return Do<etcdserverpb::PutResponse>(CommandKind::kPut, request);
  }
  Answered<etcdserverpb::PutResponse> Put(std::string_view key, std::string_view value) {
    etcdserverpb::PutRequest request;
    request.set_key(std::string(key));
    request.set_value(std::string(value));
    return Put(request);
  }
  Answered<etcdserverpb::DeleteRangeResponse> Delete(std::string_view key, std::string_view end = {},
                                                     bool prev_kv = false) {
    etcdserverpb::DeleteRangeRequest request;
    request.set_key(std::string(key));
    request.set_range_end(std::string(end));
    request.set_prev_kv(prev_kv);
    return Do<etcdserverpb::DeleteRangeResponse>(CommandKind::kDeleteRange, request);
  }
  Answered<etcdserverpb::TxnResponse> Txn(const etcdserverpb::TxnRequest& request) {
    return Do<etcdserverpb::TxnResponse>(CommandKind::kTxn, request);
  }
  Answered<etcdserverpb::CompactionResponse> Compact(std::int64_t revision) {
    etcdserverpb::CompactionRequest request;
    request.set_revision(revision);
    return Do<etcdserverpb::CompactionResponse>(CommandKind::kCompact, request);
  }

  Answered<etcdserverpb::RangeResponse> Range(const etcdserverpb::RangeRequest& request,
                                              const ReadLimits& limits = {.max_bytes = 1 << 30}) {
    return Read<etcdserverpb::RangeResponse>(reader().Range(request, limits));
  }
  Answered<etcdserverpb::RangeResponse> Get(std::string_view key, std::int64_t revision = 0) {
    etcdserverpb::RangeRequest request;
    request.set_key(std::string(key));
    request.set_revision(revision);
    return Range(request);
  }
  template <typename Response>
  static Answered<Response> Read(absl::StatusOr<ReadAnswer> got) {
    if (!got.ok()) return {.status = got.status(), .revision = {}, .body = {}};
    Answered<Response> answered{.status = absl::OkStatus(), .revision = got->revision, .body = {}};
    EXPECT_TRUE(answered.body.ParseFromString(Flatten(got->body)));
    return answered;
  }

 private:
  std::unique_ptr<KvDatabase> database_;
};

// Everything, in key order.
inline etcdserverpb::RangeRequest All() {
  etcdserverpb::RangeRequest request;
  request.set_key(std::string(1, '\0'));
  request.set_range_end(std::string(1, '\0'));
  return request;
}

// The keys of an answer, separated by blanks.
inline std::string Keys(const etcdserverpb::RangeResponse& response) {
  std::string out;
  for (const mvccpb::KeyValue& kv : response.kvs()) out += (out.empty() ? "" : " ") + kv.key();
  return out;
}

}  // namespace cairn::kv::test
