#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// The protobuf wire format, as far as this project encodes and decodes by hand: where a parsed message would
// mean a copy of a value. Tests hold it equal to protobuf.
namespace cairn::kv::wire {

enum class Type : std::uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

constexpr std::size_t VarintSize(std::uint64_t value) {
  std::size_t size = 1;
  while (value >= 0x80) {
    value >>= 7;
    ++size;
  }
  return size;
}

inline void AppendVarint(std::string& out, std::uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

inline void AppendTag(std::string& out, std::uint32_t field, Type type) {
  AppendVarint(out, (std::uint64_t{field} << 3) | static_cast<std::uint64_t>(type));
}

// A scalar field as proto3 writes it: zero is left out.
inline void AppendInt(std::string& out, std::uint32_t field, std::int64_t value) {
  if (value == 0) return;
  AppendTag(out, field, Type::kVarint);
  AppendVarint(out, static_cast<std::uint64_t>(value));
}

// Empty is left out.
inline void AppendBytes(std::string& out, std::uint32_t field, std::string_view value) {
  if (value.empty()) return;
  AppendTag(out, field, Type::kBytes);
  AppendVarint(out, value.size());
  out.append(value);
}

// Walks the fields of one encoded message. Bytes are views into it. After a false Next() check ok().
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  // To the next field; false at the end or at what no encoder wrote.
  bool Next();
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] std::uint32_t field() const { return field_; }
  [[nodiscard]] Type type() const { return type_; }
  [[nodiscard]] std::uint64_t varint() const { return varint_; }  // Also of fixed fields.
  [[nodiscard]] std::string_view bytes() const { return bytes_; }

 private:
  bool Fail() {
    ok_ = false;
    return false;
  }
  std::string_view rest_;
  std::string_view bytes_;
  std::uint64_t varint_ = 0;
  std::uint32_t field_ = 0;
  Type type_ = Type::kVarint;
  bool ok_ = true;
};

// Takes a varint off the front of `bytes`; nothing if there is none.
std::optional<std::uint64_t> TakeVarint(std::string_view& bytes);

}  // namespace cairn::kv::wire
