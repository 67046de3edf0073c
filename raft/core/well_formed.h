#pragma once

#include "raft/base/types.h"
#include "raft/core/message.h"

namespace cairn::raft {

// The gate: whether a correct peer can have sent this at all. What passes is trusted; what does not is
// ignored. Looks at the message alone.
[[nodiscard]] bool IsWellFormed(NodeId self, NodeId from, const Message& message);

}  // namespace cairn::raft
