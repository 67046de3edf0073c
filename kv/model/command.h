#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string_view>

#include "raft/base/payload.h"

namespace cairn::kv {

// What is replicated. Numbers are on disk and on the wire: never reuse one.
enum class CommandKind : std::uint8_t {
  kPut = 1,            // etcdserverpb.PutRequest
  kDeleteRange = 2,    // etcdserverpb.DeleteRangeRequest
  kTxn = 3,            // etcdserverpb.TxnRequest
  kCompact = 4,        // etcdserverpb.CompactionRequest
  kPublishMember = 5,  // cairn.kv.v1.PublishMember: name, client URLs, incarnation
  // 16-31 leases, 32-63 auth, 64-79 sessions, 80-95 alarms and cluster version: with their issues.
};

// One replicated command: kind, version of the kind's encoding, and the request message as the client encoded
// it, so that a request is parsed and checked but never encoded again.
struct Command {
  CommandKind kind;
  std::uint8_t version = 1;
  std::string_view body;
};

// Two bytes of header, then the body. The one copy a payload makes on its way in.
Payload EncodeCommand(CommandKind kind, std::string_view body);

// InvalidArgument for a header that is too short. An unknown kind or version is returned as it is: the
// applier decides.
absl::StatusOr<Command> DecodeCommand(std::string_view payload);

}  // namespace cairn::kv
