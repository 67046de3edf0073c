#pragma once

#include <absl/status/status.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "kv/model/message_writer.h"
#include "kv/model/revision.h"
#include "kv/store/key_budget.h"
#include "kv/store/view.h"
#include "proto/etcd/rpc_fwd.h"

namespace cairn::kv {

// OutOfRange with etcd's texts unless `revision` is one that can be read; 0 is now.
absl::Status CheckReadable(Revision revision, Revision current, Revision compacted);

struct RangeLimits {
  std::size_t max_bytes;  // The message's, and as much memory again beside it.
  KeyBudget& budget;
};

// Appends the fields of a RangeResponse without its header: the keys of the request's range as of `now`, or
// as of the request's revision. ResourceExhausted once the message exceeds `limits.max_bytes`,
// errors::TooMuchForNow() when the budget is spent. REQUIRES: the request was validated, and its revision is
// readable.
absl::Status AppendRange(const View& view, const etcdserverpb::RangeRequest& request, RevisionId now,
                         const RangeLimits& limits, MessageWriter& out);

// An encoded ResponseHeader with nothing but a revision: what the responses inside a transaction carry.
std::string InnerHeader(Revision revision);

}  // namespace cairn::kv
