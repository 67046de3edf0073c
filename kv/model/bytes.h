#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cairn::kv {

// A piece of an encoded message: bytes and what keeps them alive (null: static lifetime).
struct Bytes {
  std::shared_ptr<const void> owner;
  std::string_view view;

  static Bytes Own(std::string bytes) {
    auto owner = std::make_shared<const std::string>(std::move(bytes));
    const std::string_view view = *owner;
    return {.owner = std::move(owner), .view = view};
  }
};

// An encoded protobuf message in pieces, so that a record is referenced and not copied on its way to the
// wire.
using EncodedMessage = std::vector<Bytes>;

}  // namespace cairn::kv
