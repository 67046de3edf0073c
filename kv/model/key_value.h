#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "kv/model/revision.h"

namespace cairn::kv {

// One version of one key, with key and value where they happen to be: nothing is owned.
struct KeyValueView {
  std::string_view key;
  std::string_view value;
  Revision create{};
  Revision mod{};
  std::int64_t version = 0;
  LeaseId lease{};

  friend bool operator==(const KeyValueView&, const KeyValueView&) = default;
};

// The wire encoding of mvccpb.KeyValue, byte for byte what protobuf makes of the same fields.
void AppendKeyValue(std::string& out, const KeyValueView& kv);
std::size_t KeyValueSize(const KeyValueView& kv);

// Views into `bytes`; nothing if they are not an encoded KeyValue. Unknown fields are passed over.
std::optional<KeyValueView> DecodeKeyValue(std::string_view bytes);

}  // namespace cairn::kv
