#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <limits>

#include "proto/etcd/rpc_fwd.h"

// What a request must be like by itself, whatever the state: the API asks before it proposes, so that a bad
// request costs nothing; apply asks again, because a log may come from a less careful program. The errors are
// those of kv/model/errors.h. What depends on the state is checked where it is applied.
namespace cairn::kv {

// Apply does not count: the limit is a flag of the node that proposed.
inline constexpr std::int64_t kAnyNumberOfOps = std::numeric_limits<std::int64_t>::max();

absl::Status CheckRange(const etcdserverpb::RangeRequest& request);
absl::Status CheckPut(const etcdserverpb::PutRequest& request);
absl::Status CheckDeleteRange(const etcdserverpb::DeleteRangeRequest& request);
absl::Status CheckCompact(const etcdserverpb::CompactionRequest& request);

// Both branches, nested transactions included. `max_txn_ops` bounds the longest list of a transaction and,
// for a nested one, what its parents have left of it.
absl::Status CheckTxn(const etcdserverpb::TxnRequest& request, std::int64_t max_txn_ops);

// Whether the transaction only reads and so need not be proposed: every operation of both branches is a
// range.
bool IsReadOnly(const etcdserverpb::TxnRequest& request);

}  // namespace cairn::kv
