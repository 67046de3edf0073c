#include "kv/store/store_reader.h"

#include <algorithm>
#include <string>
#include <utility>

#include "etcd/rpc.pb.h"
#include "kv/model/errors.h"
#include "kv/model/message_writer.h"
#include "kv/store/compare.h"
#include "kv/store/history.h"
#include "kv/store/range_query.h"
#include "kv/store/view.h"
#include "raft/base/checksum.h"
#include "raft/base/status.h"

namespace cairn::kv {
namespace {

// Numbers of TxnResponse's and ResponseOp's fields.
constexpr std::uint32_t kHeader = 1;
constexpr std::uint32_t kSucceeded = 2;
constexpr std::uint32_t kResponses = 3;
constexpr std::uint32_t kResponseRange = 1;

}  // namespace

Revision StoreReader::current_revision() const { return generation_()->current(); }
Revision StoreReader::compacted_revision() const { return generation_()->compacted(); }

absl::StatusOr<ReadAnswer> StoreReader::Range(const etcdserverpb::RangeRequest& request,
                                              const ReadLimits& limits) {
  const std::shared_ptr<Generation> generation = generation_();
  KeyBudget budget(limits.max_keys, limits.abandoned);
  MessageWriter out(generation->options().pin_bytes);
  CAIRN_ASSIGN_OR_RETURN(const View view, View::Take(generation));
  // A negative revision means now, in a Range of its own.
  CAIRN_RETURN_IF_ERROR(CheckReadable(Revision{std::max<std::int64_t>(request.revision(), 0)}, view.current(),
                                      view.compacted()));
  CAIRN_RETURN_IF_ERROR(AppendRange(view, request, schema::EndOf(view.current()),
                                    {.max_bytes = limits.max_bytes, .budget = budget}, out));
  return ReadAnswer{.revision = view.current(), .body = std::move(out).Finish()};
}

absl::StatusOr<ReadAnswer> StoreReader::ReadOnlyTxn(const etcdserverpb::TxnRequest& request,
                                                    const ReadLimits& limits) {
  const std::shared_ptr<Generation> generation = generation_();
  KeyBudget budget(limits.max_keys, limits.abandoned);
  MessageWriter out(generation->options().pin_bytes);
  CAIRN_ASSIGN_OR_RETURN(const View view, View::Take(generation));
  const RevisionId now = schema::EndOf(view.current());
  CAIRN_ASSIGN_OR_RETURN(const bool succeeded, ComparesHold(view, request, now, budget));
  const auto& ops = succeeded ? request.success() : request.failure();
  for (const etcdserverpb::RequestOp& op : ops) {
    if (!op.has_request_range()) return absl::InvalidArgumentError("the transaction does more than read");
    CAIRN_RETURN_IF_ERROR(
        CheckReadable(Revision{op.request_range().revision()}, view.current(), view.compacted()));
  }
  out.Int(kSucceeded, succeeded ? 1 : 0);
  for (const etcdserverpb::RequestOp& op : ops) {
    MessageWriter range(out.pin_bytes());
    range.Message(kHeader, InnerHeader(view.current()));
    const std::size_t room = limits.max_bytes - std::min(limits.max_bytes, out.bytes());
    CAIRN_RETURN_IF_ERROR(
        AppendRange(view, op.request_range(), now, {.max_bytes = room, .budget = budget}, range));
    MessageWriter response(out.pin_bytes());
    response.Message(kResponseRange, std::move(range));
    out.Message(kResponses, std::move(response));
  }
  return ReadAnswer{.revision = view.current(), .body = std::move(out).Finish()};
}

absl::StatusOr<HistoryChunk> StoreReader::ReadHistory(RevisionId from, const KeyRange* range,
                                                      const HistoryLimits& limits) {
  CAIRN_ASSIGN_OR_RETURN(const View view, View::Take(generation_()));
  return ReadHistoryOf(view, from, range, limits);
}

absl::StatusOr<std::optional<Payload>> StoreReader::RecordAt(RevisionId id) {
  const std::shared_ptr<Generation> generation = generation_();
  // No view: a record never changes, it is there or it is not.
  CAIRN_ASSIGN_OR_RETURN(auto pinned, generation->kv().Get(Family::kRevisions, schema::RevisionKey(id)));
  if (pinned == nullptr) return std::nullopt;
  CAIRN_ASSIGN_OR_RETURN(const schema::Change change, schema::DecodeChange(pinned->bytes()));
  auto owner = std::make_shared<const std::string>(change.record);
  const std::string_view record = *owner;
  return Payload::FromParts(std::move(owner), record, Checksum(record));
}

absl::StatusOr<Reader::Hash> StoreReader::HashKv(Revision revision) {
  CAIRN_ASSIGN_OR_RETURN(const View view, View::Take(generation_()));
  return HashHistory(view, revision);
}

Reader::Sizes StoreReader::sizes() const {
  const std::shared_ptr<Generation> generation = generation_();
  const std::uint64_t disk = generation->kv().bytes_on_disk();
  const std::uint64_t allocated = std::max<std::uint64_t>(disk + generation->kv().unflushed_bytes(), 1);
  // What RocksDB has not compacted yet is not told apart from what is in use; this could be narrower.
  return {.allocated = allocated,
          .in_use = allocated,
          .keys = static_cast<std::uint64_t>(generation->state().live_keys)};
}

}  // namespace cairn::kv
