#include "raft/log/record_writer.h"

#include "raft/base/assert.h"

namespace cairn::raft {

void RecordWriter::Begin() {
  buffer_.assign(kFrameHeaderBytes, '\0');
  references_.clear();
  pieces_.clear();
  body_bytes_ = 0;
  records_ = 0;
  chain_ = 0;
}

char* RecordWriter::Extend(std::uint64_t bytes) {
  const std::size_t old = buffer_.size();
  buffer_.resize(old + bytes);
  return buffer_.data() + old;
}

void RecordWriter::Count(std::uint64_t record_checksum, std::uint64_t bytes) {
  chain_ = ChainChecksum(chain_, record_checksum);
  body_bytes_ += bytes;
  ++records_;
}

void RecordWriter::Add(const HardState& hard_state) {
  Count(EncodeHardState(hard_state, Extend(kControlRecordBytes)), kControlRecordBytes);
}

void RecordWriter::AddTruncation(const EntryId& keep) {
  Count(EncodeTruncation(keep, Extend(kControlRecordBytes)), kControlRecordBytes);
}

void RecordWriter::Add(const Entry& entry) {
  const std::uint64_t checksum = EncodeEntryHeader(entry, Extend(kEntryHeaderBytes));
  const std::string_view payload = entry.payload.bytes();
  if (payload.size() <= kCopiedPayloadBytes) {
    buffer_.append(payload);
  } else {
    references_.push_back({.buffer_before = buffer_.size(), .bytes = payload});
  }
  const std::uint64_t padded = RoundUp(payload.size(), kRecordAlignment);
  Extend(padded - payload.size());
  Count(checksum, kEntryHeaderBytes + padded);
}

std::span<const std::string_view> RecordWriter::Finish(Generation generation, BatchNumber batch,
                                                       std::uint64_t end_bytes) {
  CAIRN_ASSERT(records_ > 0, "batch {} is empty", batch);
  Extend(FrameBytes(body_bytes_) - kFrameHeaderBytes - body_bytes_ + end_bytes);
  EncodeFrameHeader({.kind = FrameHeader::Kind::kBatch,
                     .generation = generation,
                     .batch = batch,
                     .body_bytes = body_bytes_,
                     .records = records_,
                     .chain = chain_},
                    buffer_.data());
  const std::string_view buffer = buffer_;
  std::size_t done = 0;
  for (const Reference& reference : references_) {
    pieces_.push_back(buffer.substr(done, reference.buffer_before - done));
    pieces_.push_back(reference.bytes);
    done = reference.buffer_before;
  }
  pieces_.push_back(buffer.substr(done));
  return pieces_;
}

}  // namespace cairn::raft
