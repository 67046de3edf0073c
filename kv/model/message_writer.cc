#include "kv/model/message_writer.h"

#include <utility>

#include "kv/model/wire.h"

namespace cairn::kv {

void MessageWriter::Int(std::uint32_t field, std::int64_t value) { wire::AppendInt(text_, field, value); }

void MessageWriter::Message(std::uint32_t field, std::string_view encoded) {
  wire::AppendTag(text_, field, wire::Type::kBytes);
  wire::AppendVarint(text_, encoded.size());
  text_.append(encoded);
}

void MessageWriter::Message(std::uint32_t field, Bytes encoded) {
  if (encoded.view.size() < pin_bytes_) return Message(field, encoded.view);
  wire::AppendTag(text_, field, wire::Type::kBytes);
  wire::AppendVarint(text_, encoded.view.size());
  CloseText();
  bytes_ += encoded.view.size();
  pieces_.push_back(std::move(encoded));
}

void MessageWriter::Message(std::uint32_t field, MessageWriter&& inner) {
  wire::AppendTag(text_, field, wire::Type::kBytes);
  wire::AppendVarint(text_, inner.bytes());
  if (inner.pieces_.empty()) {
    text_.append(inner.text_);
    return;
  }
  CloseText();
  inner.CloseText();
  bytes_ += inner.bytes_;
  for (Bytes& piece : inner.pieces_) pieces_.push_back(std::move(piece));
}

void MessageWriter::CloseText() {
  if (text_.empty()) return;
  bytes_ += text_.size();
  pieces_.push_back(Bytes::Own(std::exchange(text_, {})));
}

EncodedMessage MessageWriter::Finish() && {
  CloseText();
  return std::move(pieces_);
}

std::string Flatten(const EncodedMessage& message) {
  std::string out;
  for (const Bytes& piece : message) out.append(piece.view);
  return out;
}

}  // namespace cairn::kv
