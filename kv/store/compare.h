#pragma once

#include <absl/status/statusor.h>

#include "kv/store/key_budget.h"
#include "kv/store/view.h"
#include "proto/etcd/rpc_fwd.h"

namespace cairn::kv {

// Whether every comparison of the request (not those of nested transactions) holds at `at`. None: true.
// errors::TooMuchForNow() when the budget is spent.
absl::StatusOr<bool> ComparesHold(const View& view, const etcdserverpb::TxnRequest& request, RevisionId at,
                                  KeyBudget& budget);

}  // namespace cairn::kv
