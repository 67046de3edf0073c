#include "kv/client/kv.h"

namespace cairn::kv::client {

absl::StatusOr<pb::RangeResponse> Kv::Get(const pb::RangeRequest& request, const CallOptions& options) {
  return caller_.Call(CallKind::kRead, options, std::nullopt, request, &pb::KV::Stub::Range);
}

absl::StatusOr<pb::RangeResponse> Kv::GetAt(std::size_t endpoint, const pb::RangeRequest& request,
                                            const CallOptions& options) {
  return caller_.Call(CallKind::kRead, options, endpoint, request, &pb::KV::Stub::Range);
}

absl::StatusOr<pb::PutResponse> Kv::Put(const pb::PutRequest& request, const CallOptions& options) {
  return caller_.Call(CallKind::kWrite, options, std::nullopt, request, &pb::KV::Stub::Put);
}

absl::StatusOr<pb::DeleteRangeResponse> Kv::Delete(const pb::DeleteRangeRequest& request,
                                                   const CallOptions& options) {
  return caller_.Call(CallKind::kWrite, options, std::nullopt, request, &pb::KV::Stub::DeleteRange);
}

absl::StatusOr<pb::TxnResponse> Kv::Txn(const pb::TxnRequest& request, const CallOptions& options) {
  const CallKind kind = IsReadOnly(request) ? CallKind::kRead : CallKind::kWrite;
  return caller_.Call(kind, options, std::nullopt, request, &pb::KV::Stub::Txn);
}

absl::StatusOr<pb::CompactionResponse> Kv::Compact(const pb::CompactionRequest& request,
                                                   const CallOptions& options) {
  return caller_.Call(CallKind::kWrite, options, std::nullopt, request, &pb::KV::Stub::Compact);
}

std::string PrefixEnd(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xff) end.pop_back();
  if (end.empty()) return std::string(1, '\0');
  end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return end;
}

bool IsReadOnly(const pb::TxnRequest& request) {
  const auto reads = [](const pb::RequestOp& op) {
    return op.has_request_range() || (op.has_request_txn() && IsReadOnly(op.request_txn()));
  };
  return std::all_of(request.success().begin(), request.success().end(), reads) &&
         std::all_of(request.failure().begin(), request.failure().end(), reads);
}

}  // namespace cairn::kv::client
