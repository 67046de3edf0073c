#include "kv/model/wire.h"

#include <cstring>

namespace cairn::kv::wire {
namespace {

// A tag is a number of 32 bits; protobuf refuses one that is written in more bytes than that takes.
constexpr std::size_t kMaxTagBytes = 5;

// Takes `size` little-endian bytes off the front.
std::optional<std::uint64_t> TakeFixed(std::string_view& bytes, std::size_t size) {
  if (bytes.size() < size) return std::nullopt;
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size; ++i) {
    value |= std::uint64_t{static_cast<std::uint8_t>(bytes[i])} << (8 * i);
  }
  bytes.remove_prefix(size);
  return value;
}

}  // namespace

std::optional<std::uint64_t> TakeVarint(std::string_view& bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes.size() && i < 10; ++i) {
    const auto byte = static_cast<std::uint8_t>(bytes[i]);
    value |= std::uint64_t{byte & 0x7fU} << (7 * i);
    if ((byte & 0x80U) == 0) {
      bytes.remove_prefix(i + 1);
      return value;
    }
  }
  return std::nullopt;
}

bool Reader::Next() {
  if (!ok_ || rest_.empty()) return false;
  const std::size_t before = rest_.size();
  const std::optional<std::uint64_t> varint = TakeVarint(rest_);
  if (!varint || before - rest_.size() > kMaxTagBytes) return Fail();
  // What a fifth byte has beyond 32 bits is dropped, as protobuf drops it.
  const auto tag = static_cast<std::uint32_t>(*varint);
  field_ = tag >> 3;
  type_ = static_cast<Type>(tag & 7);
  if (field_ == 0) return Fail();
  std::optional<std::uint64_t> value;
  switch (type_) {
    case Type::kVarint:
    case Type::kBytes:
      value = TakeVarint(rest_);
      break;
    case Type::kFixed64:
      value = TakeFixed(rest_, 8);
      break;
    case Type::kFixed32:
      value = TakeFixed(rest_, 4);
      break;
    default:
      return Fail();  // Groups, which no encoder of ours or of etcd's clients writes.
  }
  if (!value) return Fail();
  varint_ = *value;
  if (type_ == Type::kBytes) {
    if (*value > rest_.size()) return Fail();
    bytes_ = rest_.substr(0, *value);
    rest_.remove_prefix(*value);
  }
  return true;
}

}  // namespace cairn::kv::wire
