#pragma once

#include <absl/status/status.h>

#include "kv/model/bytes.h"
#include "kv/model/revision.h"
#include "raft/replica/group.h"

namespace cairn::kv {

// What applying one command answers: the same on every member, so header fields of the answering member are
// not in it.
class KvResult final : public raft::ApplyResult {
 public:
  absl::Status status;  // etcd's code and text; OK: `body` is the answer.
  Revision revision;    // For the response header.
  EncodedMessage body;  // The encoded response message without its header field.
};

}  // namespace cairn::kv
