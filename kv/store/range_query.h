#pragma once

#include <absl/status/status.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "kv/model/message_writer.h"
#include "kv/model/revision.h"
#include "kv/store/view.h"
#include "proto/etcd/rpc_fwd.h"

namespace cairn::kv {

// OutOfRange with etcd's texts unless `revision` is one that can be read; 0 is now.
absl::Status CheckReadable(Revision revision, Revision current, Revision compacted);

// Appends the fields of a RangeResponse without its header: the keys of the request's range as of `now`, or
// as of the request's revision. ResourceExhausted once the message exceeds `max_bytes`; memory beside the
// message is bounded by `max_bytes` too. REQUIRES: the request was validated, and its revision is readable.
absl::Status AppendRange(const View& view, const etcdserverpb::RangeRequest& request, RevisionId now,
                         std::size_t max_bytes, MessageWriter& out);

// An encoded ResponseHeader with nothing but a revision: what the responses inside a transaction carry.
std::string InnerHeader(Revision revision);

}  // namespace cairn::kv
