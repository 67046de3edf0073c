#pragma once

#include "cairn/raft_wire.pb.h"
#include "raft/core/message.h"
#include "raft/transport/frame.h"

// The values that both kinds of streams carry, as protobuf and back.
namespace cairn::raft {

void ToWire(const Hello& hello, wire::Hello& out);
Hello FromWire(const wire::Hello& in);

void ToWire(const EntryId& id, wire::EntryId& out);
EntryId FromWire(const wire::EntryId& in);

void ToWire(const SnapshotMeta& meta, wire::SnapshotMeta& out);
SnapshotMeta FromWire(const wire::SnapshotMeta& in);

}  // namespace cairn::raft
