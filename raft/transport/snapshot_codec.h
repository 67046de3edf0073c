#pragma once

#include <absl/status/statusor.h>
#include <grpcpp/support/byte_buffer.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "raft/base/payload.h"
#include "raft/base/types.h"
#include "raft/core/message.h"
#include "raft/replica/ports.h"
#include "raft/transport/frame.h"

namespace cairn::raft {

// What goes over a snapshot's stream, in the order of proto/cairn/snapshot.proto.
struct SnapshotBegin {
  Hello hello;
  Term term;  // The sender leads in it.
  SnapshotMeta meta;
  std::string manifest;
};
struct SnapshotResume {
  SnapshotSink::Position from;
};
struct SnapshotChunk {
  SnapshotSink::Position at;
  Payload bytes;
};
struct SnapshotEnd {};
struct SnapshotReceived {};

using SnapshotPart =
    std::variant<SnapshotBegin, SnapshotResume, SnapshotChunk, SnapshotEnd, SnapshotReceived>;

grpc::ByteBuffer EncodeSnapshotPart(const SnapshotPart& part);

// What EncodeSnapshotPart() made; every checksum has been compared. A chunk's bytes point into the received
// ones. DataLoss: damaged, or not such a part. Pure; any bytes may come.
absl::StatusOr<SnapshotPart> DecodeSnapshotPart(const grpc::ByteBuffer& buffer);
absl::StatusOr<SnapshotPart> DecodeSnapshotPart(std::shared_ptr<const void> owner, std::string_view bytes);

}  // namespace cairn::raft
