#include "kv/model/key_value.h"

#include "kv/model/wire.h"

namespace cairn::kv {
namespace {

// Numbers of mvccpb.KeyValue's fields.
enum Field : std::uint32_t { kKey = 1, kCreate = 2, kMod = 3, kVersion = 4, kValue = 5, kLease = 6 };

std::size_t IntSize(std::int64_t value) {
  return value == 0 ? 0 : 1 + wire::VarintSize(static_cast<std::uint64_t>(value));
}
std::size_t BytesSize(std::string_view value) {
  return value.empty() ? 0 : 1 + wire::VarintSize(value.size()) + value.size();
}

}  // namespace

void AppendKeyValue(std::string& out, const KeyValueView& kv) {
  wire::AppendBytes(out, kKey, kv.key);
  wire::AppendInt(out, kCreate, kv.create.value());
  wire::AppendInt(out, kMod, kv.mod.value());
  wire::AppendInt(out, kVersion, kv.version);
  wire::AppendBytes(out, kValue, kv.value);
  wire::AppendInt(out, kLease, kv.lease.value());
}

std::size_t KeyValueSize(const KeyValueView& kv) {
  return BytesSize(kv.key) + IntSize(kv.create.value()) + IntSize(kv.mod.value()) + IntSize(kv.version) +
         BytesSize(kv.value) + IntSize(kv.lease.value());
}

std::optional<KeyValueView> DecodeKeyValue(std::string_view bytes) {
  KeyValueView kv;
  wire::Reader reader(bytes);
  while (reader.Next()) {
    const wire::Type expected =
        reader.field() == kKey || reader.field() == kValue ? wire::Type::kBytes : wire::Type::kVarint;
    if (reader.field() <= kLease && reader.type() != expected) return std::nullopt;
    const auto number = static_cast<std::int64_t>(reader.varint());
    switch (reader.field()) {
      case kKey:
        kv.key = reader.bytes();
        break;
      case kCreate:
        kv.create = Revision{number};
        break;
      case kMod:
        kv.mod = Revision{number};
        break;
      case kVersion:
        kv.version = number;
        break;
      case kValue:
        kv.value = reader.bytes();
        break;
      case kLease:
        kv.lease = LeaseId{number};
        break;
      default:
        break;
    }
  }
  if (!reader.ok()) return std::nullopt;
  return kv;
}

}  // namespace cairn::kv
