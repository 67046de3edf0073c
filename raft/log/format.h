#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "raft/base/strong.h"
#include "raft/core/entry.h"

// The log's format on disk, drawn in raft/log/README.md and held by tests/raft/log/golden. Numbers are little
// endian. Nothing here does I/O.
namespace cairn::raft {

// Counts the uses of segment files, from 1 and without a gap: a recycled file gets a new one, so that what it
// held before cannot be taken for current.
using Generation = Strong<struct GenerationTag>;

// Counts the batches of a log, from 1, across its segments.
using BatchNumber = Strong<struct BatchNumberTag>;

inline constexpr std::uint32_t kFormatVersion = 1;
// A page of its own, never written again: rewriting a frame beside it cannot harm it.
inline constexpr std::uint64_t kSegmentHeaderBytes = 4096;
inline constexpr std::uint64_t kFrameHeaderBytes = 64;
// Frames begin at multiples of this, so that a frame header never lies across two sectors.
inline constexpr std::uint64_t kFrameAlignment = 64;
inline constexpr std::uint64_t kEntryHeaderBytes = 72;
inline constexpr std::uint64_t kControlRecordBytes = 32;
inline constexpr std::uint64_t kRecordAlignment = 8;

constexpr std::uint64_t RoundUp(std::uint64_t bytes, std::uint64_t alignment) {
  return (bytes + alignment - 1) / alignment * alignment;
}
// Of a frame with its header and padding.
constexpr std::uint64_t FrameBytes(std::uint64_t body_bytes) {
  return kFrameHeaderBytes + RoundUp(body_bytes, kFrameAlignment);
}

// What a segment begins with. Whoever reads this header valid knows that everything before the segment was
// durable when it was begun.
struct SegmentHeader {
  Generation generation;
  // Everything in earlier segments is void: the log was reset to `before`, or is new.
  bool starts_anew = false;
  BatchNumber first_batch;
  EntryId before;                  // The log's last entry when the segment was begun.
  std::uint64_t previous_end = 0;  // Where the frames of the segment before end; 0 if starts_anew.
  HardState hard_state;            // At the same moment.

  friend bool operator==(const SegmentHeader&, const SegmentHeader&) = default;
};

// kSegmentHeaderBytes long.
std::string EncodeSegmentHeader(const SegmentHeader& header);
// InvalidArgument says what is wrong; FailedPrecondition: a valid header of a version we do not know.
absl::StatusOr<SegmentHeader> DecodeSegmentHeader(std::string_view bytes);

struct FrameHeader {
  enum class Kind : std::uint8_t {
    kBatch = 1,  // One call of SegmentedLog::Write().
    kMark = 2,   // No body. Says that every batch below `batch` was synced; the next batch overwrites it.
  };
  Kind kind = Kind::kBatch;
  Generation generation;
  BatchNumber batch;             // Of a mark: the number of the batch to come.
  std::uint64_t body_bytes = 0;  // Records with their padding, without the padding of the frame.
  std::uint32_t records = 0;
  std::uint64_t chain =
      0;  // ChainChecksum() over the records' header checksums: the batch is whole or it is not.

  friend bool operator==(const FrameHeader&, const FrameHeader&) = default;
};

// Every header ends with the checksum of its other bytes: Seal() computes it, writes it there and returns it.
std::uint64_t Seal(char* header, std::uint64_t header_bytes);

// Writes kFrameHeaderBytes to `out`.
void EncodeFrameHeader(const FrameHeader& header, char* out);
// InvalidArgument says what is wrong. `bytes` is what follows in the file, kFrameHeaderBytes at least.
absl::StatusOr<FrameHeader> DecodeFrameHeader(std::string_view bytes);

std::uint64_t ChainChecksum(std::uint64_t chain, std::uint64_t record_checksum);

// Records: an entry is its header, then the payload, then zeroes up to kRecordAlignment.
enum class RecordType : std::uint8_t {
  kEntry = 1,
  kHardState = 2,
  kTruncation = 3,  // The log ends at the entry named; what came later is void.
};

// Each writes a header to `out` (kEntryHeaderBytes or kControlRecordBytes) and returns its checksum.
std::uint64_t EncodeEntryHeader(const Entry& entry, char* out);
std::uint64_t EncodeHardState(const HardState& hard_state, char* out);
std::uint64_t EncodeTruncation(const EntryId& keep, char* out);

// One record header. `entry` has everything but the payload's bytes.
struct RecordHeader {
  RecordType type = RecordType::kEntry;
  std::uint64_t header_bytes = 0;
  std::uint64_t payload_bytes = 0;
  std::uint64_t payload_checksum = 0;
  std::uint64_t checksum = 0;  // Its own.
  Entry entry{};               // kEntry.
  HardState hard_state{};      // kHardState.
  EntryId keep{};              // kTruncation.
};

// InvalidArgument says what is wrong. `bytes` is the rest of the batch.
absl::StatusOr<RecordHeader> DecodeRecordHeader(std::string_view bytes);

// "00000000000000a7.log": in the order of names, segments are in the order of generations.
std::string SegmentName(Generation generation);
std::optional<Generation> GenerationOf(std::string_view segment_name);
// "spare-0000000000000003": waits to become a segment; its content means nothing.
std::string SpareName(std::uint64_t number);
std::optional<std::uint64_t> SpareNumberOf(std::string_view spare_name);

}  // namespace cairn::raft
