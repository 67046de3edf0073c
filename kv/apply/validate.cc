#include "kv/apply/validate.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "etcd/rpc.pb.h"
#include "kv/apply/key_intervals.h"
#include "kv/model/errors.h"
#include "raft/base/status.h"

namespace cairn::kv {
namespace {

using etcdserverpb::RequestOp;
using etcdserverpb::TxnRequest;
using Ops = google::protobuf::RepeatedPtrField<RequestOp>;

absl::Status CheckShape(const TxnRequest& request, std::int64_t budget);

absl::Status CheckOp(const RequestOp& op, std::int64_t budget) {
  switch (op.request_case()) {
    case RequestOp::kRequestRange:
      return CheckRange(op.request_range());
    case RequestOp::kRequestPut:
      return CheckPut(op.request_put());
    case RequestOp::kRequestDeleteRange:
      return CheckDeleteRange(op.request_delete_range());
    case RequestOp::kRequestTxn:
      return CheckShape(op.request_txn(), budget);
    case RequestOp::REQUEST_NOT_SET:
      break;
  }
  return errors::KeyNotFound();  // etcd's words for an operation that is none.
}

absl::Status CheckShape(const TxnRequest& request, std::int64_t budget) {
  const std::int64_t longest =
      std::max({request.compare_size(), request.success_size(), request.failure_size()});
  if (longest > budget) return errors::TooManyOps();
  for (const etcdserverpb::Compare& compare : request.compare()) {
    if (compare.key().empty()) return errors::EmptyKey();
  }
  for (const Ops* ops : {&request.success(), &request.failure()}) {
    for (const RequestOp& op : *ops) CAIRN_RETURN_IF_ERROR(CheckOp(op, budget - longest));
  }
  return absl::OkStatus();
}

// The keys a branch may put and the ranges it may delete, its nested transactions included.
struct Touched {
  std::set<std::string_view> puts;
  KeyIntervals deletes;
};

absl::Status CheckBranch(const Ops& ops, Touched& touched);

// A nested transaction takes one of its branches: a key in both is put once.
absl::Status CheckNested(const TxnRequest& nested, Touched& parent) {
  Touched success;
  Touched failure;
  CAIRN_RETURN_IF_ERROR(CheckBranch(nested.success(), success));
  CAIRN_RETURN_IF_ERROR(CheckBranch(nested.failure(), failure));
  success.puts.merge(failure.puts);
  for (const std::string_view key : success.puts) {
    if (parent.deletes.Contains(key) || !parent.puts.insert(key).second) return errors::DuplicateKey();
  }
  parent.deletes.AddAll(success.deletes);
  parent.deletes.AddAll(failure.deletes);
  return absl::OkStatus();
}

absl::Status CheckBranch(const Ops& ops, Touched& touched) {
  // The order is etcd's and shows: this level's deletions count against every put, those of a nested
  // transaction only against what comes after it.
  for (const RequestOp& op : ops) {
    if (op.has_request_delete_range()) {
      touched.deletes.Add(op.request_delete_range().key(), op.request_delete_range().range_end());
    }
  }
  for (const RequestOp& op : ops) {
    if (op.has_request_txn()) CAIRN_RETURN_IF_ERROR(CheckNested(op.request_txn(), touched));
  }
  for (const RequestOp& op : ops) {
    if (!op.has_request_put()) continue;
    const std::string_view key = op.request_put().key();
    if (touched.deletes.Contains(key) || !touched.puts.insert(key).second) return errors::DuplicateKey();
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckRange(const etcdserverpb::RangeRequest& request) {
  if (request.key().empty()) return errors::EmptyKey();
  // proto3 lets unknown numbers through.
  if (!etcdserverpb::RangeRequest::SortOrder_IsValid(request.sort_order()) ||
      !etcdserverpb::RangeRequest::SortTarget_IsValid(request.sort_target())) {
    return errors::InvalidSortOption();
  }
  return absl::OkStatus();
}

absl::Status CheckPut(const etcdserverpb::PutRequest& request) {
  if (request.key().empty()) return errors::EmptyKey();
  if (request.ignore_value() && !request.value().empty()) return errors::ValueProvided();
  if (request.ignore_lease() && request.lease() != 0) return errors::LeaseProvided();
  return absl::OkStatus();
}

absl::Status CheckDeleteRange(const etcdserverpb::DeleteRangeRequest& request) {
  return request.key().empty() ? errors::EmptyKey() : absl::OkStatus();
}

absl::Status CheckCompact(const etcdserverpb::CompactionRequest& /*request*/) {
  return absl::OkStatus();  // Only the state can tell whether a revision is too old or too new.
}

absl::Status CheckTxn(const TxnRequest& request, std::int64_t max_txn_ops) {
  CAIRN_RETURN_IF_ERROR(CheckShape(request, max_txn_ops));
  for (const Ops* ops : {&request.success(), &request.failure()}) {
    Touched touched;
    CAIRN_RETURN_IF_ERROR(CheckBranch(*ops, touched));
  }
  return absl::OkStatus();
}

bool IsReadOnly(const TxnRequest& request) {
  const auto reads = [](const RequestOp& op) { return op.has_request_range(); };
  return std::all_of(request.success().begin(), request.success().end(), reads) &&
         std::all_of(request.failure().begin(), request.failure().end(), reads);
}

}  // namespace cairn::kv
