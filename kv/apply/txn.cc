#include <utility>
#include <vector>

#include "etcd/rpc.pb.h"
#include "kv/apply/request.h"
#include "kv/apply/validate.h"
#include "kv/store/compare.h"
#include "kv/store/range_query.h"
#include "raft/base/status.h"

// A transaction in three passes: which branches are taken, whether everything on that path may be done, and
// then doing it. The first two look at the state before the transaction, so that a refusal leaves nothing.
namespace cairn::kv {
namespace {

using etcdserverpb::RequestOp;
using etcdserverpb::TxnRequest;
using Ops = google::protobuf::RepeatedPtrField<RequestOp>;

// Numbers of TxnResponse's and ResponseOp's fields.
constexpr std::uint32_t kHeader = 1;
constexpr std::uint32_t kSucceeded = 2;
constexpr std::uint32_t kResponses = 3;
constexpr std::uint32_t kResponseRange = 1;
constexpr std::uint32_t kResponsePut = 2;
constexpr std::uint32_t kResponseDeleteRange = 3;
constexpr std::uint32_t kResponseTxn = 4;

// The branch a transaction takes, and those of the nested ones on it, in their order.
struct Path {
  bool succeeded = false;
  std::vector<Path> nested;
};

const Ops& Branch(const TxnRequest& request, const Path& path) {
  return path.succeeded ? request.success() : request.failure();
}

PutFields FieldsOf(const etcdserverpb::PutRequest& put) {
  return {.key = put.key(),
          .value = put.value(),
          .lease = LeaseId{put.lease()},
          .prev_kv = put.prev_kv(),
          .ignore_value = put.ignore_value(),
          .ignore_lease = put.ignore_lease()};
}

absl::StatusOr<Path> ChoosePath(const Writer& writer, const TxnRequest& request) {
  Path path;
  KeyBudget unlimited = KeyBudget::Unlimited();
  CAIRN_ASSIGN_OR_RETURN(path.succeeded, ComparesHold(writer.view(), request, writer.before(), unlimited));
  for (const RequestOp& op : Branch(request, path)) {
    if (!op.has_request_txn()) continue;
    CAIRN_ASSIGN_OR_RETURN(Path nested, ChoosePath(writer, op.request_txn()));
    path.nested.push_back(std::move(nested));
  }
  return path;
}

absl::StatusOr<Refusal> MayExecute(const Writer& writer, const TxnRequest& request, const Path& path) {
  auto nested = path.nested.begin();
  for (const RequestOp& op : Branch(request, path)) {
    Refusal refusal;
    if (op.has_request_range()) {
      refusal.status =
          CheckReadable(Revision{op.request_range().revision()}, writer.revision(), writer.compacted());
    } else if (op.has_request_put()) {
      CAIRN_ASSIGN_OR_RETURN(refusal, MayPut(writer, FieldsOf(op.request_put())));
    } else if (op.has_request_txn()) {
      CAIRN_ASSIGN_OR_RETURN(refusal, MayExecute(writer, op.request_txn(), *nested++));
    }
    if (!refusal.status.ok()) return refusal;
  }
  return Refusal{};
}

absl::Status ExecuteTxn(ApplyContext& context, const TxnRequest& request, const Path& path,
                        MessageWriter& out);

// Changes nothing, so it is left out when nobody waits for what it finds, or when the answer cannot be given
// anyway.
absl::Status ExecuteRange(ApplyContext& context, const etcdserverpb::RangeRequest& request,
                          MessageWriter& out) {
  if (!context.answer || context.answer_too_large) return absl::OkStatus();
  out.Message(kHeader, InnerHeader(context.writer.visible_revision()));
  KeyBudget unlimited = KeyBudget::Unlimited();
  absl::Status status = AppendRange(context.writer.view(), request, context.writer.now(),
                                    {.max_bytes = context.answer_bytes, .budget = unlimited}, out);
  if (!absl::IsResourceExhausted(status)) return status;
  context.answer_too_large = true;
  return absl::OkStatus();
}

absl::Status ExecuteOp(ApplyContext& context, const RequestOp& op, std::vector<Path>::const_iterator& nested,
                       MessageWriter& out) {
  MessageWriter response(context.pin_bytes);
  std::uint32_t kind = 0;
  if (op.has_request_range()) {
    kind = kResponseRange;
    CAIRN_RETURN_IF_ERROR(ExecuteRange(context, op.request_range(), response));
  } else if (op.has_request_put()) {
    kind = kResponsePut;
    CAIRN_RETURN_IF_ERROR(ExecutePut(context, FieldsOf(op.request_put()), response));
    response.Message(kHeader, InnerHeader(context.writer.visible_revision()));
  } else if (op.has_request_delete_range()) {
    kind = kResponseDeleteRange;
    const etcdserverpb::DeleteRangeRequest& request = op.request_delete_range();
    CAIRN_RETURN_IF_ERROR(
        ExecuteDeleteRange(context, request.key(), request.range_end(), request.prev_kv(), response));
    response.Message(kHeader, InnerHeader(context.writer.visible_revision()));
  } else {
    kind = kResponseTxn;
    response.Message(kHeader, std::string_view());  // Present and all zero, as etcd's.
    CAIRN_RETURN_IF_ERROR(ExecuteTxn(context, op.request_txn(), *nested++, response));
  }
  if (!context.answer || context.answer_too_large) return absl::OkStatus();
  MessageWriter wrapped(context.pin_bytes);
  wrapped.Message(kind, std::move(response));
  out.Message(kResponses, std::move(wrapped));
  if (out.bytes() > context.answer_bytes) context.answer_too_large = true;
  return absl::OkStatus();
}

absl::Status ExecuteTxn(ApplyContext& context, const TxnRequest& request, const Path& path,
                        MessageWriter& out) {
  out.Int(kSucceeded, path.succeeded ? 1 : 0);
  auto nested = path.nested.begin();
  for (const RequestOp& op : Branch(request, path)) {
    CAIRN_RETURN_IF_ERROR(ExecuteOp(context, op, nested, out));
    CAIRN_RETURN_IF_ERROR(context.writer.SplitIfLarge());
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<KvResult>> ApplyTxn(ApplyContext& context, std::string_view body) {
  TxnRequest request;
  if (!request.ParseFromArray(body.data(), static_cast<int>(body.size()))) {
    return RefusedResult(context,
                         absl::InvalidArgumentError("the body of the transaction cannot be decoded"));
  }
  if (absl::Status status = CheckTxn(request, kAnyNumberOfOps); !status.ok()) {
    return RefusedResult(context, std::move(status));
  }
  CAIRN_ASSIGN_OR_RETURN(const Path path, ChoosePath(context.writer, request));
  CAIRN_ASSIGN_OR_RETURN(Refusal refusal, MayExecute(context.writer, request, path));
  if (!refusal.status.ok()) return RefusedResult(context, std::move(refusal.status));
  MessageWriter out(context.pin_bytes);
  CAIRN_RETURN_IF_ERROR(ExecuteTxn(context, request, path, out));
  return FinishResult(context, std::move(out));
}

}  // namespace cairn::kv
