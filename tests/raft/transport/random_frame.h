#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <string>
#include <string_view>
#include <vector>

#include "raft/base/rng.h"
#include "raft/transport/frame.h"
#include "raft/transport/framing.h"

namespace cairn::raft::testing {

// A payload of `size` seeded bytes.
Payload RandomPayload(Rng& rng, std::size_t size);

// One message of each kind that there is, with random content.
std::vector<PeerMessage> OneOfEachKind(Rng& rng);

// Any combination of what a frame may carry.
Frame RandomFrame(Rng& rng);

// The bytes as they would be on the wire.
std::string Flatten(const grpc::ByteBuffer& buffer);

// The same bytes as slices of at most `piece` bytes.
grpc::ByteBuffer Cut(std::string_view bytes, std::size_t piece);

// A frame with these bytes as header and payloads and the right checksum over the header: what is behind the
// checksum can be reached with any bytes.
std::string WrapHeader(FrameMagic magic, std::string_view header, std::string_view payload_bytes);

// Field by field, with every field of every kind; for messages that failed to be equal.
std::string Describe(const Frame& frame);

}  // namespace cairn::raft::testing
