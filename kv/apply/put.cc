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

// PutRequest by hand: parsing it with protobuf would copy the value.
std::optional<PutFields> DecodePut(std::string_view body) {
  PutFields put;
  wire::Reader reader(body);
  while (reader.Next()) {
    const bool bytes = reader.type() == wire::Type::kBytes;
    if (reader.field() <= 6 && bytes != (reader.field() <= 2)) return std::nullopt;
    switch (reader.field()) {
      case 1:
        put.key = reader.bytes();
        break;
      case 2:
        put.value = reader.bytes();
        break;
      case 3:
        put.lease = LeaseId{static_cast<std::int64_t>(reader.varint())};
        break;
      case 4:
        put.prev_kv = reader.varint() != 0;
        break;
      case 5:
        put.ignore_value = reader.varint() != 0;
        break;
      case 6:
        put.ignore_lease = reader.varint() != 0;
        break;
      default:
        break;
    }
  }
  if (!reader.ok()) return std::nullopt;
  return put;
}

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
