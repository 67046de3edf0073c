#pragma once

#include <absl/status/statusor.h>
#include <grpcpp/support/byte_buffer.h>

#include <memory>
#include <string_view>

#include "raft/core/message.h"
#include "raft/transport/frame.h"

namespace cairn::raft {

// Frames of the Exchange stream as bytes and back (proto/cairn/raft_wire.proto, README.md). Pure functions.

// The message to hand to gRPC; large payloads are referenced, not copied. REQUIRES: the entries of each
// AppendRequest follow `previous` without a gap.
grpc::ByteBuffer EncodeFrame(const Frame& frame);

// What EncodeFrame() made; every checksum has been compared. Payloads point into the received bytes and keep
// them alive. DataLoss: damaged, or not a frame. Whether the messages make sense is for the core to judge.
absl::StatusOr<Frame> DecodeFrame(const grpc::ByteBuffer& buffer);

// The same over bytes in one piece, kept alive by `owner`. Any bytes may come.
absl::StatusOr<Frame> DecodeFrame(std::shared_ptr<const void> owner, std::string_view bytes);

// About as many bytes as the message adds to a frame. An upper bound for any sensible content.
std::size_t EstimateBytes(const PeerMessage& message);

}  // namespace cairn::raft
