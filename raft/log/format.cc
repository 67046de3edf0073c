#include "raft/log/format.h"

#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <cstring>

#include "raft/base/assert.h"
#include "raft/base/checksum.h"

namespace cairn::raft {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is little endian, and so must we be");

constexpr std::uint64_t kSegmentMagic = 0x676f6c6e72696163;  // "cairnlog"
constexpr std::uint32_t kFrameMagic = 0x6d617266;            // "fram"
constexpr std::uint64_t kChecksumBytes = 8;
constexpr std::uint64_t kLargestCount = std::uint64_t{1} << 62;

template <typename T>
void Put(char* out, std::uint64_t offset, T value) {
  std::memcpy(out + offset, &value, sizeof value);
}

template <typename T>
T Get(std::string_view bytes, std::uint64_t offset) {
  CAIRN_ASSERT(offset + sizeof(T) <= bytes.size(), "offset={} size={}", offset, bytes.size());
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

bool SealHolds(std::string_view header) {
  return Checksum(header.substr(0, header.size() - kChecksumBytes)) ==
         Get<std::uint64_t>(header, header.size() - kChecksumBytes);
}

absl::Status Wrong(std::string_view what) { return absl::InvalidArgumentError(std::string(what)); }

void PutHardState(const HardState& hard_state, char* out, std::uint64_t term_at, std::uint64_t voted_at) {
  Put(out, term_at, hard_state.term.value());
  Put(out, term_at + 8, hard_state.vote.value_or(NodeId{}).value());
  Put(out, voted_at, static_cast<std::uint8_t>(hard_state.vote.has_value() ? 1 : 0));
}

HardState GetHardState(std::string_view bytes, std::uint64_t term_at, std::uint64_t voted_at) {
  HardState hard_state{.term = Term{Get<std::uint64_t>(bytes, term_at)}, .vote = {}};
  if (Get<std::uint8_t>(bytes, voted_at) != 0)
    hard_state.vote = NodeId{Get<std::uint64_t>(bytes, term_at + 8)};
  return hard_state;
}

EntryId GetEntryId(std::string_view bytes, std::uint64_t offset) {
  return {Term{Get<std::uint64_t>(bytes, offset)}, Index{Get<std::uint64_t>(bytes, offset + 8)}};
}

std::optional<std::uint64_t> ParseHex(std::string_view digits) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (digits.size() != 16 || error != std::errc() || end != digits.data() + digits.size())
    return std::nullopt;
  return value;
}

}  // namespace

std::uint64_t Seal(char* header, std::uint64_t header_bytes) {
  const std::uint64_t checksum = Checksum({header, header_bytes - kChecksumBytes});
  Put(header, header_bytes - kChecksumBytes, checksum);
  return checksum;
}

std::string EncodeSegmentHeader(const SegmentHeader& header) {
  std::string bytes(kSegmentHeaderBytes, '\0');
  Put(bytes.data(), 0, kSegmentMagic);
  Put(bytes.data(), 8, kFormatVersion);
  Put(bytes.data(), 12, static_cast<std::uint8_t>(header.starts_anew ? 1 : 0));
  Put(bytes.data(), 16, header.generation.value());
  Put(bytes.data(), 24, header.first_batch.value());
  Put(bytes.data(), 32, header.before.term.value());
  Put(bytes.data(), 40, header.before.index.value());
  Put(bytes.data(), 48, header.previous_end);
  PutHardState(header.hard_state, bytes.data(), /*term_at=*/56, /*voted_at=*/13);
  Seal(bytes.data(), bytes.size());
  return bytes;
}

absl::StatusOr<SegmentHeader> DecodeSegmentHeader(std::string_view bytes) {
  if (bytes.size() < kSegmentHeaderBytes) {
    return Wrong(fmt::format("the segment header is cut to {} bytes", bytes.size()));
  }
  bytes = bytes.substr(0, kSegmentHeaderBytes);
  if (Get<std::uint64_t>(bytes, 0) != kSegmentMagic) return Wrong("the segment header has no magic number");
  if (!SealHolds(bytes)) return Wrong("the segment header does not match its checksum");
  const auto version = Get<std::uint32_t>(bytes, 8);
  if (version != kFormatVersion) {
    return absl::FailedPreconditionError(
        fmt::format("log format {}; this program reads {}", version, kFormatVersion));
  }
  const SegmentHeader header{
      .generation = Generation{Get<std::uint64_t>(bytes, 16)},
      .starts_anew = Get<std::uint8_t>(bytes, 12) != 0,
      .first_batch = BatchNumber{Get<std::uint64_t>(bytes, 24)},
      .before = GetEntryId(bytes, 32),
      .previous_end = Get<std::uint64_t>(bytes, 48),
      .hard_state = GetHardState(bytes, /*term_at=*/56, /*voted_at=*/13),
  };
  // What counts from 1 by single steps does not get there; whoever says so would have us count round to 0.
  for (const std::uint64_t count :
       {header.generation.value(), header.first_batch.value(), header.before.index.value() + 1}) {
    if (count == 0 || count > kLargestCount)
      return Wrong(fmt::format("the segment header counts up to {}", count));
  }
  return header;
}

void EncodeFrameHeader(const FrameHeader& header, char* out) {
  std::memset(out, 0, kFrameHeaderBytes);
  Put(out, 0, kFrameMagic);
  Put(out, 4, static_cast<std::uint8_t>(header.kind));
  Put(out, 8, header.generation.value());
  Put(out, 16, header.batch.value());
  Put(out, 24, header.body_bytes);
  Put(out, 32, header.records);
  Put(out, 40, header.chain);
  Seal(out, kFrameHeaderBytes);
}

absl::StatusOr<FrameHeader> DecodeFrameHeader(std::string_view bytes) {
  if (bytes.size() < kFrameHeaderBytes) {
    return Wrong(fmt::format("the frame header is cut to {} bytes", bytes.size()));
  }
  bytes = bytes.substr(0, kFrameHeaderBytes);
  // Before the checksum, because a search for frames asks this of a million places.
  if (Get<std::uint32_t>(bytes, 0) != kFrameMagic) return Wrong("the frame header has no magic number");
  if (!SealHolds(bytes)) return Wrong("the frame header does not match its checksum");
  const FrameHeader header{
      .kind = static_cast<FrameHeader::Kind>(Get<std::uint8_t>(bytes, 4)),
      .generation = Generation{Get<std::uint64_t>(bytes, 8)},
      .batch = BatchNumber{Get<std::uint64_t>(bytes, 16)},
      .body_bytes = Get<std::uint64_t>(bytes, 24),
      .records = Get<std::uint32_t>(bytes, 32),
      .chain = Get<std::uint64_t>(bytes, 40),
  };
  switch (header.kind) {
    case FrameHeader::Kind::kBatch:
      return header;
    case FrameHeader::Kind::kMark:
      if (header.body_bytes != 0) return Wrong("a mark with a body");
      return header;
  }
  return Wrong(fmt::format("a frame of unknown kind {}", static_cast<int>(header.kind)));
}

std::uint64_t ChainChecksum(std::uint64_t chain, std::uint64_t record_checksum) {
  char bytes[8];
  Put(bytes, 0, record_checksum);
  return Checksum({bytes, sizeof bytes}, chain);
}

std::uint64_t EncodeEntryHeader(const Entry& entry, char* out) {
  CAIRN_ASSERT(entry.payload.size() <= UINT32_MAX, "index={} size={}", entry.id.index, entry.payload.size());
  std::memset(out, 0, kEntryHeaderBytes);
  Put(out, 0, static_cast<std::uint8_t>(RecordType::kEntry));
  Put(out, 1, static_cast<std::uint8_t>(entry.kind));
  Put(out, 4, static_cast<std::uint32_t>(entry.payload.size()));
  Put(out, 8, entry.id.term.value());
  Put(out, 16, entry.id.index.value());
  Put(out, 24, entry.time.value());
  Put(out, 32, entry.proposal.origin);
  Put(out, 40, entry.proposal.sequence);
  // At 48 eight bytes are reserved for the state digest.
  Put(out, 56, entry.payload.checksum());
  return Seal(out, kEntryHeaderBytes);
}

std::uint64_t EncodeHardState(const HardState& hard_state, char* out) {
  std::memset(out, 0, kControlRecordBytes);
  Put(out, 0, static_cast<std::uint8_t>(RecordType::kHardState));
  PutHardState(hard_state, out, /*term_at=*/8, /*voted_at=*/1);
  return Seal(out, kControlRecordBytes);
}

std::uint64_t EncodeTruncation(const EntryId& keep, char* out) {
  std::memset(out, 0, kControlRecordBytes);
  Put(out, 0, static_cast<std::uint8_t>(RecordType::kTruncation));
  Put(out, 8, keep.term.value());
  Put(out, 16, keep.index.value());
  return Seal(out, kControlRecordBytes);
}

absl::StatusOr<RecordHeader> DecodeRecordHeader(std::string_view bytes) {
  if (bytes.empty()) return Wrong("a record is missing");
  RecordHeader header{.type = static_cast<RecordType>(Get<std::uint8_t>(bytes, 0))};
  header.header_bytes = header.type == RecordType::kEntry ? kEntryHeaderBytes : kControlRecordBytes;
  if (bytes.size() < header.header_bytes) {
    return Wrong(fmt::format("a record header is cut to {} bytes", bytes.size()));
  }
  const std::string_view own = bytes.substr(0, header.header_bytes);
  if (!SealHolds(own)) return Wrong("a record header does not match its checksum");
  header.checksum = Get<std::uint64_t>(own, own.size() - kChecksumBytes);
  switch (header.type) {
    case RecordType::kEntry:
      header.payload_bytes = Get<std::uint32_t>(own, 4);
      header.payload_checksum = Get<std::uint64_t>(own, 56);
      header.entry = {.id = GetEntryId(own, 8),
                      .kind = static_cast<EntryKind>(Get<std::uint8_t>(own, 1)),
                      .time = ClusterTime{Get<std::uint64_t>(own, 24)},
                      .proposal = {Get<std::uint64_t>(own, 32), Get<std::uint64_t>(own, 40)},
                      .payload = {}};
      if (header.entry.kind > EntryKind::kMembership) {
        return Wrong(fmt::format("entry {} is of unknown kind {}", header.entry.id.index,
                                 static_cast<int>(header.entry.kind)));
      }
      return header;
    case RecordType::kHardState:
      header.hard_state = GetHardState(own, /*term_at=*/8, /*voted_at=*/1);
      return header;
    case RecordType::kTruncation:
      header.keep = GetEntryId(own, 8);
      return header;
  }
  return Wrong(fmt::format("a record of unknown type {}", static_cast<int>(header.type)));
}

std::string SegmentName(Generation generation) { return fmt::format("{:016x}.log", generation.value()); }

std::optional<Generation> GenerationOf(std::string_view segment_name) {
  if (!segment_name.ends_with(".log")) return std::nullopt;
  const std::optional<std::uint64_t> value = ParseHex(segment_name.substr(0, segment_name.size() - 4));
  if (!value) return std::nullopt;
  return Generation{*value};
}

std::string SpareName(std::uint64_t number) { return fmt::format("spare-{:016x}", number); }

std::optional<std::uint64_t> SpareNumberOf(std::string_view spare_name) {
  if (!spare_name.starts_with("spare-")) return std::nullopt;
  return ParseHex(spare_name.substr(6));
}

}  // namespace cairn::raft
