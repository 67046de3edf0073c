#include "tests/kv/api/fake_store.h"

#include <gtest/gtest.h>

#include <utility>

#include "kv/model/command.h"
#include "kv/model/errors.h"
#include "kv/model/range.h"
#include "raft/base/status.h"

namespace cairn::kv::api {
namespace {

EncodedMessage Encoded(const google::protobuf::MessageLite& message) {
  return {Bytes::Own(message.SerializeAsString())};
}

}  // namespace

void FakeStore::SetApplyError(const absl::Status& status) {
  const absl::MutexLock lock(&mu_);
  apply_error_ = status;
}

void FakeStore::HoldReads(std::uint64_t keys) {
  const absl::MutexLock lock(&reads_mu_);
  keys_of_a_read_ = keys;
}

void FakeStore::AwaitHeldReads(int count) {
  const absl::MutexLock lock(&reads_mu_);
  const auto held = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(reads_mu_) { return held_reads_ >= count; };
  EXPECT_TRUE(reads_mu_.AwaitWithTimeout(absl::Condition(&held), absl::Seconds(10)));
}

void FakeStore::ReleaseReads() { HoldReads(0); }

absl::Status FakeStore::Hold(const ReadLimits& limits) {
  const absl::MutexLock lock(&reads_mu_);
  if (keys_of_a_read_ == 0) return absl::OkStatus();
  if (keys_of_a_read_ > limits.max_keys) return errors::TooMuchForNow();
  ++held_reads_;
  const auto released = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(reads_mu_) { return keys_of_a_read_ == 0; };
  reads_mu_.Await(absl::Condition(&released));
  --held_reads_;
  if (limits.abandoned != nullptr && *limits.abandoned) ++abandoned_reads;
  return absl::OkStatus();
}

Revision FakeStore::current_revision() const {
  const absl::MutexLock lock(&mu_);
  return Revision{revision_};
}

absl::StatusOr<std::unique_ptr<raft::ApplyResult>> FakeStore::Apply(const Payload& payload) {
  const absl::MutexLock lock(&mu_);
  auto result = std::make_unique<KvResult>();
  result->status = apply_error_;
  const Command command = DecodeCommand(payload.bytes()).value();
  const std::string body(command.body);
  if (command.kind == CommandKind::kPut) {
    etcdserverpb::PutRequest request;
    request.ParseFromString(body);
    ++revision_;
    mvccpb::KeyValue& kv = keys_[request.key()];
    etcdserverpb::PutResponse response;
    if (request.prev_kv() && kv.version() > 0) *response.mutable_prev_kv() = kv;
    kv.set_key(request.key());
    kv.set_value(request.value());
    if (kv.version() == 0) kv.set_create_revision(revision_);
    kv.set_mod_revision(revision_);
    kv.set_version(kv.version() + 1);
    result->body = Encoded(response);
  } else if (command.kind == CommandKind::kDeleteRange) {
    etcdserverpb::DeleteRangeRequest request;
    request.ParseFromString(body);
    const KeyRange range = KeyRange::FromRequest(request.key(), request.range_end());
    etcdserverpb::DeleteRangeResponse response;
    response.set_deleted(static_cast<std::int64_t>(
        std::erase_if(keys_, [&](const auto& item) { return range.Contains(item.first); })));
    if (response.deleted() > 0) ++revision_;
    result->body = Encoded(response);
  } else if (command.kind == CommandKind::kTxn) {
    etcdserverpb::TxnResponse response;
    response.set_succeeded(true);
    ++revision_;
    result->body = Encoded(response);
  } else if (command.kind == CommandKind::kCompact) {
    etcdserverpb::CompactionRequest request;
    request.ParseFromString(body);
    compacted_ = request.revision();
  }
  result->revision = Revision{revision_};
  return result;
}

absl::StatusOr<ReadAnswer> FakeStore::Range(const etcdserverpb::RangeRequest& request,
                                            const ReadLimits& limits) {
  ++ranges;
  if (!request.range_end().empty()) CAIRN_RETURN_IF_ERROR(Hold(limits));
  const absl::MutexLock lock(&mu_);
  if (const std::size_t bytes = big_value_) {
    if (bytes > limits.max_bytes) return absl::ResourceExhaustedError("the answer is too large");
    etcdserverpb::RangeResponse one;
    one.add_kvs()->set_value(std::string(bytes, 'v'));
    one.set_count(1);
    return ReadAnswer{.revision = Revision{revision_}, .body = Encoded(one)};
  }
  const KeyRange range = KeyRange::FromRequest(request.key(), request.range_end());
  etcdserverpb::RangeResponse response;
  for (const auto& [key, kv] : keys_) {
    if (range.Contains(key)) *response.add_kvs() = kv;
  }
  response.set_count(response.kvs_size());
  return ReadAnswer{.revision = Revision{revision_}, .body = Encoded(response)};
}

absl::StatusOr<ReadAnswer> FakeStore::ReadOnlyTxn(const etcdserverpb::TxnRequest& /*request*/,
                                                  const ReadLimits& limits) {
  ++read_only_txns;
  CAIRN_RETURN_IF_ERROR(Hold(limits));
  etcdserverpb::TxnResponse response;
  response.set_succeeded(true);
  return ReadAnswer{.revision = current_revision(), .body = Encoded(response)};
}

absl::StatusOr<HistoryChunk> FakeStore::ReadHistory(RevisionId /*from*/, const KeyRange* /*range*/,
                                                    const HistoryLimits& /*limits*/) {
  return HistoryChunk{};
}

absl::StatusOr<std::optional<Payload>> FakeStore::RecordAt(RevisionId /*id*/) { return std::nullopt; }

absl::StatusOr<Reader::Hash> FakeStore::HashKv(Revision revision) {
  const Revision current = current_revision();
  if (revision > current) return errors::FutureRevision();
  return Hash{.hash = 0xabcdef,
              .current = current,
              .hashed = revision == Revision{0} ? current : revision,
              .compacted = compacted_revision()};
}

}  // namespace cairn::kv::api
