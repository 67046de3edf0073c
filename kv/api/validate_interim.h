#pragma once
#include "etcd/rpc.pb.h"
#include "kv/model/errors.h"
namespace cairn::kv {
inline absl::Status ValidateRange(const etcdserverpb::RangeRequest& r) {
  return r.key().empty() ? errors::EmptyKey() : absl::OkStatus();
}
inline absl::Status ValidatePut(const etcdserverpb::PutRequest& r) {
  return r.key().empty() ? errors::EmptyKey() : absl::OkStatus();
}
inline absl::Status ValidateDeleteRange(const etcdserverpb::DeleteRangeRequest& r) {
  return r.key().empty() ? errors::EmptyKey() : absl::OkStatus();
}
inline absl::Status ValidateTxn(const etcdserverpb::TxnRequest&, std::size_t) { return absl::OkStatus(); }
inline bool IsReadOnly(const etcdserverpb::TxnRequest&) { return false; }
}  // namespace cairn::kv
