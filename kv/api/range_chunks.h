#pragma once

#include <cstddef>
#include <optional>

#include "kv/model/bytes.h"

namespace cairn::kv::api {

// Cuts the encoded answer of a Range between its fields, so that it can be sent in chunks: first all keys and
// values, `chunk_bytes` or one field at a time, then `more` and `count` as the rest. Chunks reference the
// answer's pieces.
class RangeChunks {
 public:
  // `body` is an encoded RangeResponse without header whose keys (field 2) come before its other fields.
  RangeChunks(EncodedMessage body, std::size_t chunk_bytes);

  // The next chunk of whole key-values; nothing when only rest() is left.
  std::optional<EncodedMessage> Next();

  // What follows the keys. REQUIRES: Next() returned nothing.
  EncodedMessage Rest();

 private:
  struct Position {
    std::size_t piece = 0;
    std::size_t offset = 0;
  };

  // Where the field that begins at `from` ends; nothing if it is not a key-value.
  [[nodiscard]] std::optional<Position> SkipKeyValue(Position from) const;
  [[nodiscard]] std::optional<unsigned char> ByteAt(Position& at) const;
  [[nodiscard]] Position Advance(Position at, std::size_t bytes) const;
  [[nodiscard]] EncodedMessage Cut(Position from, Position to) const;

  const EncodedMessage body_;
  const std::size_t chunk_bytes_;
  Position at_;
};

}  // namespace cairn::kv::api
