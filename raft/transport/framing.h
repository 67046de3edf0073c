#pragma once

#include <absl/status/statusor.h>
#include <google/protobuf/message_lite.h>
#include <grpcpp/support/byte_buffer.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "raft/base/payload.h"

// What every message between members has in common: a prefix, a protobuf header, and payload bytes after it
// (README.md draws it). Stateless functions; any thread.
namespace cairn::raft {

// The first four bytes; tells one kind of stream from another and from noise.
enum class FrameMagic : std::uint32_t {
  kExchange = 0x31465243,  // "CRF1"
  kSnapshot = 0x31535243,  // "CRS1"
};

inline constexpr std::size_t kFramePrefixBytes = 24;

// A header that claims more is refused before it is parsed.
inline constexpr std::size_t kMaxHeaderBytes = 128 << 20;

// Smaller payloads are copied behind the header, which costs less than a slice of their own (measured:
// tests/bench/transport_codec_bench.cc); larger ones are sent from where they are.
inline constexpr std::size_t kReferencedPayloadBytes = 1024;

// The message to hand to gRPC. Payloads that it references live until gRPC has let go of it.
grpc::ByteBuffer JoinFrame(FrameMagic magic, const google::protobuf::MessageLite& header,
                           const std::vector<const Payload*>& payloads);

// A received message, read once from front to back. Holds on to the bytes it came in.
class FrameReader {
 public:
  // Bytes in one piece, kept alive by `owner`.
  FrameReader(std::shared_ptr<const void> owner, std::string_view bytes);
  // As received. A small message is copied into one block of its own size, so that an entry kept for long
  // does not keep a read buffer of gRPC; a large one is referenced.
  explicit FrameReader(const grpc::ByteBuffer& buffer);
  FrameReader(const FrameReader&) = delete;
  FrameReader& operator=(const FrameReader&) = delete;

  // Checks prefix and checksum and returns the header's bytes, which live as long as the reader. DataLoss:
  // not a frame, or damaged. REQUIRES: the first call.
  absl::StatusOr<std::string_view> ReadHeader(FrameMagic magic);

  // The next `length` bytes, compared with `checksum`: referenced if they are in one piece, else copied.
  // DataLoss: they are not there, or damaged.
  absl::StatusOr<Payload> ReadPayload(std::uint64_t length, std::uint64_t checksum);

  // DataLoss if anything was not read.
  [[nodiscard]] absl::Status AtEnd() const;

  [[nodiscard]] std::size_t remaining() const { return remaining_; }

 private:
  // The next `length` bytes if they are in one piece. REQUIRES: length <= remaining().
  std::optional<std::string_view> TakeContiguous(std::size_t length);
  // REQUIRES: length <= remaining().
  void TakeInto(char* out, std::size_t length);
  void Add(std::string_view piece);

  std::shared_ptr<const void> owner_;     // Keeps all of pieces_ alive.
  std::vector<std::string_view> pieces_;  // None is empty.
  std::size_t piece_ = 0;                 // Where reading stands: in this piece,
  std::size_t offset_ = 0;                // at this byte of it, which exists unless everything was read.
  std::size_t remaining_ = 0;
  std::string header_;  // If it had to be put together.
};

}  // namespace cairn::raft
