#include "kv/api/range_chunks.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "raft/base/assert.h"

namespace cairn::kv::api {
namespace {

constexpr unsigned char kKeyValueTag = 2 << 3 | 2;  // RangeResponse.kvs, length-delimited.

}  // namespace

RangeChunks::RangeChunks(EncodedMessage body, std::size_t chunk_bytes)
    : body_(std::move(body)), chunk_bytes_(chunk_bytes) {}

std::optional<unsigned char> RangeChunks::ByteAt(Position& at) const {
  while (at.piece < body_.size() && at.offset == body_[at.piece].view.size()) at = {at.piece + 1, 0};
  if (at.piece == body_.size()) return std::nullopt;
  return static_cast<unsigned char>(body_[at.piece].view[at.offset++]);
}

RangeChunks::Position RangeChunks::Advance(Position at, std::size_t bytes) const {
  while (bytes > 0) {
    CAIRN_ASSERT(at.piece < body_.size(), "a field ends {} bytes behind the answer", bytes);
    const std::size_t step = std::min(bytes, body_[at.piece].view.size() - at.offset);
    at.offset += step;
    bytes -= step;
    if (bytes > 0) at = {at.piece + 1, 0};
  }
  return at;
}

std::optional<RangeChunks::Position> RangeChunks::SkipKeyValue(Position from) const {
  const std::optional<unsigned char> tag = ByteAt(from);
  if (tag != kKeyValueTag) return std::nullopt;
  std::uint64_t length = 0;
  for (int shift = 0;; shift += 7) {
    const std::optional<unsigned char> byte = ByteAt(from);
    CAIRN_ASSERT(byte && shift < 64, "our own encoding is broken at shift {}", shift);
    length |= std::uint64_t{*byte & 0x7fU} << shift;
    if ((*byte & 0x80) == 0) break;
  }
  return Advance(from, length);
}

EncodedMessage RangeChunks::Cut(Position from, Position to) const {
  EncodedMessage cut;
  for (std::size_t i = from.piece; i <= to.piece && i < body_.size(); ++i) {
    const std::size_t begin = i == from.piece ? from.offset : 0;
    const std::size_t end = i == to.piece ? to.offset : body_[i].view.size();
    if (begin < end) cut.push_back({body_[i].owner, body_[i].view.substr(begin, end - begin)});
  }
  return cut;
}

std::optional<EncodedMessage> RangeChunks::Next() {
  Position to = at_;
  std::size_t bytes = 0;
  while (bytes < chunk_bytes_) {
    const std::optional<Position> next = SkipKeyValue(to);
    if (!next) break;
    for (std::size_t i = to.piece; i <= next->piece; ++i) {
      const std::size_t begin = i == to.piece ? to.offset : 0;
      bytes += (i == next->piece ? next->offset : body_[i].view.size()) - begin;
    }
    to = *next;
  }
  if (bytes == 0) return std::nullopt;
  return Cut(std::exchange(at_, to), to);
}

EncodedMessage RangeChunks::Rest() { return Cut(at_, {body_.size(), 0}); }

}  // namespace cairn::kv::api
