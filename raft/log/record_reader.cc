#include "raft/log/record_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "raft/base/status.h"
#include "raft/log/sabotage.h"

namespace cairn::raft {
namespace {

bool AllZero(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == '\0'; });
}

}  // namespace

std::variant<std::vector<Record>, BatchDamage> ReadBatch(const std::shared_ptr<const std::string>& segment,
                                                         std::uint64_t offset, const FrameHeader& header) {
  const std::uint64_t frame_end = offset + FrameBytes(header.body_bytes);
  if (header.body_bytes > segment->size() || frame_end > segment->size()) {
    return BatchDamage{offset, fmt::format("batch {} goes on behind the end of the file", header.batch)};
  }
  const std::string_view file = *segment;
  const std::uint64_t body_end = offset + kFrameHeaderBytes + header.body_bytes;
  std::vector<Record> records;
  records.reserve(std::min<std::uint64_t>(header.records, header.body_bytes / kControlRecordBytes));
  std::uint64_t at = offset + kFrameHeaderBytes;
  std::uint64_t chain = 0;
  while (at < body_end) {
    const std::string_view rest = file.substr(at, body_end - at);
    absl::StatusOr<RecordHeader> record = DecodeRecordHeader(rest);
    if (!record.ok()) return BatchDamage{at, std::string(MessageOf(record.status()))};
    const std::uint64_t padded = RoundUp(record->payload_bytes, kRecordAlignment);
    if (record->header_bytes + padded > rest.size()) {
      return BatchDamage{at, "a record goes on behind the end of its batch"};
    }
    if (record->type == RecordType::kEntry) {
      const std::string_view payload = rest.substr(record->header_bytes, record->payload_bytes);
      Entry& entry = record->entry;
      entry.payload =
          Payload::FromParts(payload.empty() ? nullptr : segment, payload, record->payload_checksum);
      if (!entry.payload.Verify() && !Broken(LogRule::kCheckPayload)) {
        return BatchDamage{
            at, fmt::format("the payload of entry {} does not match its checksum", entry.id.index)};
      }
      if (!AllZero(rest.substr(record->header_bytes + payload.size(), padded - payload.size()))) {
        return BatchDamage{at, fmt::format("the padding of entry {} is not zero", entry.id.index)};
      }
      records.emplace_back(std::move(entry));
    } else if (record->type == RecordType::kHardState) {
      records.emplace_back(record->hard_state);
    } else {
      records.emplace_back(Truncation{record->keep});
    }
    chain = ChainChecksum(chain, record->checksum);
    at += record->header_bytes + padded;
  }
  // Records may each be whole and yet not be those of this frame: left over from a batch that was cut here.
  if ((chain != header.chain || records.size() != header.records) && !Broken(LogRule::kCheckChain)) {
    return BatchDamage{offset,
                       fmt::format("the records are not those that batch {} was written with", header.batch)};
  }
  if (!AllZero(file.substr(body_end, frame_end - body_end))) {
    return BatchDamage{body_end, fmt::format("the padding of batch {} is not zero", header.batch)};
  }
  return records;
}

}  // namespace cairn::raft
