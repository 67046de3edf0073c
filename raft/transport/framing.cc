#include "raft/transport/framing.h"

#include <grpcpp/support/slice.h>

#include <atomic>
#include <bit>
#include <cstring>
#include <optional>

#include "raft/base/assert.h"
#include "raft/base/checksum.h"
#include "raft/transport/sabotage.h"

namespace cairn::raft {
namespace {

// Referenced rather than copied from here on; see FrameReader.
constexpr std::size_t kReferencedFrameBytes = 16 << 10;

static_assert(std::endian::native == std::endian::little, "numbers are copied as they are");

template <typename T>
void PutFixed(std::uint8_t* out, T value) {
  std::memcpy(out, &value, sizeof(value));
}

template <typename T>
T GetFixed(const char* in) {
  T value;
  std::memcpy(&value, in, sizeof(value));
  return value;
}

// Of the header and of the prefix before the checksum itself.
std::uint64_t HeaderChecksum(std::string_view prefix, std::string_view header) {
  return Checksum(header, Checksum(prefix.substr(0, kFramePrefixBytes - sizeof(std::uint64_t))));
}

std::string_view View(const void* data, std::size_t size) { return {static_cast<const char*>(data), size}; }

// A payload that gRPC refers to, and that some thread of gRPC's lets go. The flag says what gRPC's own
// synchronisation does already, for tools that see only our code.
struct HeldPayload {
  Payload payload;
  std::atomic<bool> given;
};

grpc::Slice ReferTo(const Payload& payload) {
  auto* held = new HeldPayload{.payload = payload, .given = false};
  held->given.store(true, std::memory_order_release);
  // gRPC wants a pointer to bytes it could change; it never does.
  return {const_cast<char*>(payload.bytes().data()), payload.size(),
          [](void* user_data) {
            auto* given = static_cast<HeldPayload*>(user_data);
            const bool was_given = given->given.load(std::memory_order_acquire);
            CAIRN_ASSERT(was_given, "a slice that was never handed out");
            delete given;
          },
          held};
}

// A row of neighbouring payloads that are copied, beginning at `from`.
struct SmallRun {
  std::size_t end;  // The first that is not part of it.
  std::size_t bytes = 0;
};

SmallRun FindSmallRun(const std::vector<const Payload*>& payloads, std::size_t from) {
  SmallRun run{.end = from};
  while (run.end < payloads.size() && payloads[run.end]->size() < kReferencedPayloadBytes) {
    run.bytes += payloads[run.end++]->size();
  }
  return run;
}

void CopyRun(const std::vector<const Payload*>& payloads, std::size_t from, std::size_t end,
             std::uint8_t* out) {
  for (std::size_t i = from; i < end; ++i) {
    const std::string_view bytes = payloads[i]->bytes();
    if (!bytes.empty()) std::memcpy(out, bytes.data(), bytes.size());
    out += bytes.size();
  }
}

// gRPC hands out its slices as constant, also to whoever made them.
std::uint8_t* Writable(const grpc::Slice& slice) { return const_cast<std::uint8_t*>(slice.begin()); }

}  // namespace

grpc::ByteBuffer JoinFrame(FrameMagic magic, const google::protobuf::MessageLite& header,
                           const std::vector<const Payload*>& payloads) {
  const std::size_t header_bytes = header.ByteSizeLong();
  CAIRN_ASSERT(header_bytes <= kMaxHeaderBytes, "header of {} bytes", header_bytes);
  std::uint64_t payload_bytes = 0;
  for (const Payload* payload : payloads) payload_bytes += payload->size();

  SmallRun run = FindSmallRun(payloads, 0);
  std::vector<grpc::Slice> slices;
  slices.emplace_back(kFramePrefixBytes + header_bytes + run.bytes);
  std::uint8_t* out = Writable(slices.back());
  PutFixed(out, static_cast<std::uint32_t>(magic));
  PutFixed(out + 4, static_cast<std::uint32_t>(header_bytes));
  PutFixed(out + 8, payload_bytes);
  header.SerializeWithCachedSizesToArray(out + kFramePrefixBytes);
  PutFixed(out + 16,
           HeaderChecksum(View(out, kFramePrefixBytes), View(out + kFramePrefixBytes, header_bytes)));
  CopyRun(payloads, 0, run.end, out + kFramePrefixBytes + header_bytes);

  for (std::size_t i = run.end; i < payloads.size();) {
    run = FindSmallRun(payloads, i);
    if (run.end == i) {
      slices.push_back(ReferTo(*payloads[i++]));
      continue;
    }
    slices.emplace_back(run.bytes);
    CopyRun(payloads, i, run.end, Writable(slices.back()));
    i = run.end;
  }
  return {slices.data(), slices.size()};
}

FrameReader::FrameReader(std::shared_ptr<const void> owner, std::string_view bytes)
    : owner_(std::move(owner)) {
  Add(bytes);
}

FrameReader::FrameReader(const grpc::ByteBuffer& buffer) {
  auto slices = std::make_shared<std::vector<grpc::Slice>>();
  // Fails only for a compressed message that does not inflate; then there is nothing to read, and
  // ReadHeader() says so.
  if (!buffer.Dump(slices.get()).ok()) return;
  std::size_t total = 0;
  for (const grpc::Slice& slice : *slices) total += slice.size();
  if (total >= kReferencedFrameBytes) {
    for (const grpc::Slice& slice : *slices) Add(View(slice.begin(), slice.size()));
    owner_ = std::move(slices);
    return;
  }
  auto copy = std::make_shared_for_overwrite<char[]>(total);
  std::size_t at = 0;
  for (const grpc::Slice& slice : *slices) {
    if (slice.size() > 0) std::memcpy(copy.get() + at, slice.begin(), slice.size());
    at += slice.size();
  }
  Add(View(copy.get(), total));
  owner_ = std::move(copy);
}

void FrameReader::Add(std::string_view piece) {
  if (piece.empty()) return;
  pieces_.push_back(piece);
  remaining_ += piece.size();
}

absl::StatusOr<std::string_view> FrameReader::ReadHeader(FrameMagic magic) {
  if (remaining_ < kFramePrefixBytes) {
    return absl::DataLossError(fmt::format("a message of {} bytes is too short to be a frame", remaining_));
  }
  char prefix[kFramePrefixBytes];
  TakeInto(prefix, sizeof(prefix));
  if (GetFixed<std::uint32_t>(prefix) != static_cast<std::uint32_t>(magic)) {
    return absl::DataLossError("the message does not begin like a frame of this stream");
  }
  const auto header_bytes = GetFixed<std::uint32_t>(prefix + 4);
  const auto payload_bytes = GetFixed<std::uint64_t>(prefix + 8);
  if (header_bytes > kMaxHeaderBytes || header_bytes > remaining_ ||
      payload_bytes != remaining_ - header_bytes) {
    return absl::DataLossError(fmt::format("a frame says {} + {} bytes follow its prefix, but {} do",
                                           header_bytes, payload_bytes, remaining_));
  }
  std::string_view header;
  if (const auto contiguous = TakeContiguous(header_bytes)) {
    header = *contiguous;
  } else {
    header_.resize(header_bytes);
    TakeInto(header_.data(), header_bytes);
    header = header_;
  }
  if (!Broken(TransportRule::kHeaderChecksum) &&
      HeaderChecksum(View(prefix, sizeof(prefix)), header) != GetFixed<std::uint64_t>(prefix + 16)) {
    return absl::DataLossError("the header of a frame does not match its checksum");
  }
  return header;
}

absl::StatusOr<Payload> FrameReader::ReadPayload(std::uint64_t length, std::uint64_t checksum) {
  if (length > remaining_) {
    return absl::DataLossError(
        fmt::format("a payload of {} bytes where only {} are left", length, remaining_));
  }
  Payload payload;
  if (const auto contiguous = TakeContiguous(length)) {
    payload = Payload::FromParts(length == 0 ? nullptr : owner_, *contiguous, checksum);
  } else {
    auto copy = std::make_shared_for_overwrite<char[]>(length);
    TakeInto(copy.get(), length);
    const std::string_view bytes = View(copy.get(), length);
    payload = Payload::FromParts(std::move(copy), bytes, checksum);
  }
  if (!Broken(TransportRule::kPayloadChecksum) && !payload.Verify()) {
    return absl::DataLossError(fmt::format("a payload of {} bytes does not match its checksum", length));
  }
  return payload;
}

absl::Status FrameReader::AtEnd() const {
  if (remaining_ == 0) return absl::OkStatus();
  return absl::DataLossError(fmt::format("{} bytes of a frame belong to nothing in its header", remaining_));
}

std::optional<std::string_view> FrameReader::TakeContiguous(std::size_t length) {
  if (length == 0) return std::string_view();
  const std::string_view rest = pieces_[piece_].substr(offset_);
  if (rest.size() < length) return std::nullopt;
  offset_ += length;
  remaining_ -= length;
  if (offset_ == pieces_[piece_].size()) {
    ++piece_;
    offset_ = 0;
  }
  return rest.substr(0, length);
}

void FrameReader::TakeInto(char* out, std::size_t length) {
  CAIRN_ASSERT(length <= remaining_, "length={} remaining={}", length, remaining_);
  while (length > 0) {
    const std::size_t step = std::min(length, pieces_[piece_].size() - offset_);
    const std::string_view piece = *TakeContiguous(step);
    std::memcpy(out, piece.data(), step);
    out += step;
    length -= step;
  }
}

}  // namespace cairn::raft
