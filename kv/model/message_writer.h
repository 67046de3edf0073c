#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "kv/model/bytes.h"

namespace cairn::kv {

// Assembles one encoded protobuf message from pieces: small ones are copied together, large ones referenced.
// Fields appear in the order of the calls; protobuf reads them in any order.
class MessageWriter {
 public:
  // Pieces from `pin_bytes` on are referenced where their owner is given.
  explicit MessageWriter(std::size_t pin_bytes = 16 << 10) : pin_bytes_(pin_bytes) {}

  void Int(std::uint32_t field, std::int64_t value);            // Zero is left out.
  void Message(std::uint32_t field, std::string_view encoded);  // Copied. Empty is written, as presence.
  void Message(std::uint32_t field, Bytes encoded);             // Referenced if large.
  void Message(std::uint32_t field, MessageWriter&& inner);

  [[nodiscard]] std::size_t bytes() const { return bytes_ + text_.size(); }
  [[nodiscard]] std::size_t pin_bytes() const { return pin_bytes_; }
  [[nodiscard]] EncodedMessage Finish() &&;

 private:
  void CloseText();

  std::size_t pin_bytes_;
  EncodedMessage pieces_;
  std::size_t bytes_ = 0;  // In `pieces_`.
  std::string text_;       // What follows them.
};

// The whole message in one string.
std::string Flatten(const EncodedMessage& message);

}  // namespace cairn::kv
