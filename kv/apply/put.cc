#include <optional>
#include <utility>

#include "kv/apply/request.h"
#include "kv/model/errors.h"
#include "kv/model/key_value.h"
#include "kv/model/wire.h"
#include "raft/base/status.h"

namespace cairn::kv {
namespace {

constexpr std::uint32_t kPrevKv = 2;  // Of PutResponse.

// Numbers of PutRequest's fields.
enum Field : std::uint32_t {
  kKey = 1,
  kValue = 2,
  kLease = 3,
  kAskPrevKv = 4,
  kIgnoreValue = 5,
  kIgnoreLease = 6
};

absl::Status CheckFields(const PutFields& put) {
  if (put.key.empty()) return errors::EmptyKey();
  if (put.ignore_value && !put.value.empty()) return errors::ValueProvided();
  if (put.ignore_lease && put.lease != LeaseId{0}) return errors::LeaseProvided();
  return absl::OkStatus();
}

// There are no leases yet, so every lease is unknown.
absl::Status CheckLease(const PutFields& put) {
  return put.lease == LeaseId{0} ? absl::OkStatus() : errors::LeaseNotFound();
}

}  // namespace

std::optional<PutFields> DecodePut(std::string_view body) {
  PutFields put;
  wire::Reader reader(body);
  while (reader.Next()) {
    const wire::Type expected =
        reader.field() == kKey || reader.field() == kValue ? wire::Type::kBytes : wire::Type::kVarint;
    if (reader.type() != expected) continue;
    switch (reader.field()) {
      case kKey:
        put.key = reader.bytes();
        break;
      case kValue:
        put.value = reader.bytes();
        break;
      case kLease:
        put.lease = LeaseId{static_cast<std::int64_t>(reader.varint())};
        break;
      case kAskPrevKv:
        put.prev_kv = reader.varint() != 0;
        break;
      case kIgnoreValue:
        put.ignore_value = reader.varint() != 0;
        break;
      case kIgnoreLease:
        put.ignore_lease = reader.varint() != 0;
        break;
      default:
        break;
    }
  }
  if (!reader.ok()) return std::nullopt;
  return put;
}

absl::StatusOr<Refusal> MayPut(const Writer& writer, const PutFields& put) {
  if (put.ignore_value || put.ignore_lease) {
    CAIRN_ASSIGN_OR_RETURN(const std::optional<VersionInfo> live,
                           writer.view().Lookup(put.key, writer.before()));
    if (!live) return Refusal{errors::KeyNotFound()};
  }
  return Refusal{CheckLease(put)};
}

absl::Status ExecutePut(ApplyContext& context, const PutFields& put, MessageWriter& out) {
  Writer& writer = context.writer;
  CAIRN_ASSIGN_OR_RETURN(const std::optional<VersionInfo> previous,
                         writer.view().Lookup(put.key, writer.now()));
  if (put.prev_kv && previous) CAIRN_RETURN_IF_ERROR(AppendRecord(context, kPrevKv, *previous, out));
  const LeaseId lease = put.ignore_lease && previous ? previous->lease : put.lease;
  if (put.ignore_value && previous) {
    CAIRN_ASSIGN_OR_RETURN(const FoundRecord record, writer.view().RecordOf(*previous));
    const std::optional<KeyValueView> kv = DecodeKeyValue(record.bytes());
    if (!kv) return absl::DataLossError("store: a record is not a key and value");
    writer.Put(put.key, kv->value, lease, previous);
  } else {
    writer.Put(put.key, put.value, lease, previous);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<KvResult>> ApplyPut(ApplyContext& context, std::string_view body) {
  const std::optional<PutFields> put = DecodePut(body);
  if (!put)
    return RefusedResult(context, absl::InvalidArgumentError("the body of the put cannot be decoded"));
  if (absl::Status status = CheckFields(*put); !status.ok()) return RefusedResult(context, std::move(status));
  // Of two mistakes etcd names the unknown lease here and the missing key in a transaction; clients see it.
  if (absl::Status status = CheckLease(*put); !status.ok()) return RefusedResult(context, std::move(status));
  CAIRN_ASSIGN_OR_RETURN(Refusal refusal, MayPut(context.writer, *put));
  if (!refusal.status.ok()) return RefusedResult(context, std::move(refusal.status));
  MessageWriter out(context.pin_bytes);
  CAIRN_RETURN_IF_ERROR(ExecutePut(context, *put, out));
  return FinishResult(context, std::move(out));
}

}  // namespace cairn::kv
