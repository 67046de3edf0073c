#include "kv/api/wire.h"

#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include "raft/base/assert.h"

namespace cairn::kv::api {
namespace {

// Below this, a copy is cheaper than a slice with an owner (an allocation, and an iovec entry of its own).
constexpr std::size_t kCopyBelow = 2048;

// Four fields of at most 1 + 10 bytes, and a tag and a length of one byte each.
constexpr std::size_t kMaxHeaderBytes = 2 + 4 * 11;
static_assert(kMaxHeaderBytes - 2 < 128, "the header's length must fit a one-byte varint");

class HeaderBytes {
 public:
  explicit HeaderBytes(const HeaderFields& header) {
    bytes_[0] = 1 << 3 | 2;  // Field 1, length-delimited.
    Put(1, header.cluster_id);
    Put(2, header.member_id);
    Put(3, static_cast<std::uint64_t>(header.revision));
    Put(4, header.raft_term);
    bytes_[1] = static_cast<char>(size_ - 2);
  }
  [[nodiscard]] std::string_view view() const { return {bytes_.data(), size_}; }

 private:
  void Put(int field, std::uint64_t value) {
    if (value == 0) return;
    bytes_[size_++] = static_cast<char>(field << 3);  // Varint.
    while (value >= 0x80) {
      bytes_[size_++] = static_cast<char>(value | 0x80);
      value >>= 7;
    }
    bytes_[size_++] = static_cast<char>(value);
  }

  std::array<char, kMaxHeaderBytes> bytes_;
  std::size_t size_ = 2;
};

grpc::Slice Reference(const Bytes& piece) {
  if (piece.owner == nullptr) return {piece.view.data(), piece.view.size(), grpc::Slice::STATIC_SLICE};
  auto* owner = new std::shared_ptr<const void>(piece.owner);
  // gRPC does not write to it; its signature is that of a buffer it may be asked to free.
  return {const_cast<char*>(piece.view.data()), piece.view.size(),
          [](void* held) { delete static_cast<std::shared_ptr<const void>*>(held); }, owner};
}

// One slice for everything in [first, last) and the bytes before it.
grpc::Slice Copy(std::string_view prefix, const Bytes* first, const Bytes* last) {
  std::size_t size = prefix.size();
  for (const Bytes* piece = first; piece != last; ++piece) size += piece->view.size();
  grpc::Slice slice(size);
  auto* out = const_cast<std::uint8_t*>(slice.begin());  // Ours alone until it is handed over.
  const auto append = [&out](std::string_view bytes) {
    if (bytes.empty()) return;
    std::memcpy(out, bytes.data(), bytes.size());
    out += bytes.size();
  };
  append(prefix);
  for (const Bytes* piece = first; piece != last; ++piece) append(piece->view);
  CAIRN_ASSERT(out == slice.end(), "slice of {} bytes", size);
  return slice;
}

grpc::ByteBuffer Encode(std::string_view prefix, const EncodedMessage& body) {
  const Bytes* const end = body.data() + body.size();
  const Bytes* piece = body.data();
  const Bytes* run = piece;  // Start of the small pieces not yet copied.
  std::vector<grpc::Slice> slices;
  for (; piece != end; ++piece) {
    if (piece->view.size() < kCopyBelow) continue;
    if (run != piece || !prefix.empty()) slices.push_back(Copy(prefix, run, piece));
    prefix = {};
    slices.push_back(Reference(*piece));
    run = piece + 1;
  }
  if (slices.empty()) {  // Everything fits one slice: nearly every answer.
    const grpc::Slice only = Copy(prefix, run, end);
    return {&only, 1};
  }
  if (run != end) slices.push_back(Copy({}, run, end));
  return {slices.data(), slices.size()};
}

}  // namespace

std::size_t SizeOf(const EncodedMessage& message) {
  std::size_t size = 0;
  for (const Bytes& piece : message) size += piece.view.size();
  return size;
}

std::string EncodeHeader(const HeaderFields& header) { return std::string(HeaderBytes(header).view()); }

grpc::ByteBuffer EncodeResponse(const HeaderFields& header, const EncodedMessage& body) {
  return Encode(HeaderBytes(header).view(), body);
}

grpc::ByteBuffer EncodePieces(const EncodedMessage& message) { return Encode({}, message); }

grpc::ByteBuffer EncodeMessage(const google::protobuf::MessageLite& message) {
  grpc::Slice slice(message.ByteSizeLong());
  message.SerializeWithCachedSizesToArray(const_cast<std::uint8_t*>(slice.begin()));
  return {&slice, 1};
}

ReceivedMessage Contiguous(const grpc::ByteBuffer& buffer) {
  ReceivedMessage message;
  if (!buffer.Valid()) return message;
  if (buffer.TrySingleSlice(&message.owner).ok()) return message;
  const grpc::Status dumped = buffer.DumpToSingleSlice(&message.owner);
  CAIRN_ASSERT(dumped.ok(), "a received buffer cannot be read: {}", dumped.error_message());
  return message;
}

}  // namespace cairn::kv::api
