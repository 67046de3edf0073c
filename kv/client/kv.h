#pragma once

#include "kv/client/call.h"

namespace cairn::kv::client {

// Keys and values. Requests and answers are those of the API (proto/etcd/rpc.proto). Thread-safe.
class Kv {
 public:
  explicit Kv(Caller& caller) : caller_(caller) {}  // `caller` must outlive it.

  absl::StatusOr<pb::RangeResponse> Get(const pb::RangeRequest& request, const CallOptions& options = {});
  // The error of a write says by OutcomeOf() whether it may have happened.
  absl::StatusOr<pb::PutResponse> Put(const pb::PutRequest& request, const CallOptions& options = {});
  absl::StatusOr<pb::DeleteRangeResponse> Delete(const pb::DeleteRangeRequest& request,
                                                 const CallOptions& options = {});
  // A transaction that only reads is retried like a read.
  absl::StatusOr<pb::TxnResponse> Txn(const pb::TxnRequest& request, const CallOptions& options = {});
  absl::StatusOr<pb::CompactionResponse> Compact(const pb::CompactionRequest& request,
                                                 const CallOptions& options = {});

  // From one endpoint and no other.
  absl::StatusOr<pb::RangeResponse> GetAt(std::size_t endpoint, const pb::RangeRequest& request,
                                          const CallOptions& options = {});

 private:
  Caller& caller_;
};

// The end of the range of all keys with `prefix`: the prefix with its last byte raised; one zero byte, which
// means no end, if there is no such key.
std::string PrefixEnd(std::string_view prefix);

// Whether nothing in the transaction can write, in either branch, nested ones included.
bool IsReadOnly(const pb::TxnRequest& request);

}  // namespace cairn::kv::client
