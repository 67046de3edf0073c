#pragma once

#include <google/protobuf/message_lite.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "kv/model/bytes.h"

namespace cairn::kv::api {

std::size_t SizeOf(const EncodedMessage& message);

// The header of a response (etcdserverpb.ResponseHeader); zero fields are not sent.
struct HeaderFields {
  std::uint64_t cluster_id = 0;
  std::uint64_t member_id = 0;
  std::int64_t revision = 0;
  std::uint64_t raft_term = 0;
};

// The header as field 1 of a response.
std::string EncodeHeader(const HeaderFields& header);

// A response message on the wire: the header as field 1, then the body's pieces. Small pieces are copied next
// to each other, large ones referenced: the slice holds the piece's owner until the bytes have been sent.
grpc::ByteBuffer EncodeResponse(const HeaderFields& header, const EncodedMessage& body);

// A message in pieces, as it is.
grpc::ByteBuffer EncodePieces(const EncodedMessage& message);

// A message small enough to be built as an object.
grpc::ByteBuffer EncodeMessage(const google::protobuf::MessageLite& message);

// The bytes of a received message, contiguous. The slice returned owns the view; a message that arrived in
// one piece is not copied.
struct ReceivedMessage {
  grpc::Slice owner;
  [[nodiscard]] std::string_view bytes() const {
    return {reinterpret_cast<const char*>(owner.begin()), owner.size()};
  }
};
ReceivedMessage Contiguous(const grpc::ByteBuffer& buffer);

}  // namespace cairn::kv::api
