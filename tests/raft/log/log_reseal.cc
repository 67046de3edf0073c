#include "tests/raft/log/log_reseal.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "raft/base/checksum.h"
#include "raft/log/format.h"

namespace cairn::raft {
namespace {

template <typename T>
T Get(const std::string& bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

template <typename T>
void Put(std::string& bytes, std::size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

// Returns the chain over the records in [at, end), and counts them.
std::uint64_t ResealRecords(std::string& file, std::size_t at, std::size_t end, std::uint32_t& count) {
  std::uint64_t chain = 0;
  for (count = 0; at < end; ++count) {
    const bool entry = file[at] == static_cast<char>(RecordType::kEntry);
    const std::size_t header_bytes = entry ? kEntryHeaderBytes : kControlRecordBytes;
    if (end - at < header_bytes) break;
    std::size_t payload_bytes = 0;
    if (entry) {
      payload_bytes = Get<std::uint32_t>(file, at + 4);
      if (payload_bytes > end - at - header_bytes) break;
      Put(file, at + 56, Checksum(std::string_view(file).substr(at + header_bytes, payload_bytes)));
    }
    chain = ChainChecksum(chain, Seal(file.data() + at, header_bytes));
    at += header_bytes + RoundUp(payload_bytes, kRecordAlignment);
  }
  return chain;
}

}  // namespace

void ResealSegment(std::string& file) {
  if (file.size() < kSegmentHeaderBytes) return;
  Put(file, 16, std::uint64_t{1});
  Seal(file.data(), kSegmentHeaderBytes);
  std::size_t at = kSegmentHeaderBytes;
  while (file.size() - at >= kFrameHeaderBytes) {
    if (file[at] == '\0') return;  // The zeroes at the end are to stay.
    const auto body_bytes = Get<std::uint64_t>(file, at + 24);
    if (body_bytes > file.size() || FrameBytes(body_bytes) > file.size() - at) return;
    std::uint32_t records = 0;
    Put(file, at + 8, std::uint64_t{1});
    Put(file, at + 40,
        ResealRecords(file, at + kFrameHeaderBytes, at + kFrameHeaderBytes + body_bytes, records));
    Put(file, at + 32, records);
    Seal(file.data() + at, kFrameHeaderBytes);
    at += FrameBytes(body_bytes);
  }
}

}  // namespace cairn::raft
