#include "kv/store/compare.h"

#include <fmt/format.h>

#include <compare>
#include <optional>
#include <string_view>

#include "etcd/rpc.pb.h"
#include "kv/model/errors.h"
#include "kv/model/key_value.h"
#include "kv/model/range.h"
#include "kv/store/range_iterator.h"
#include "raft/base/status.h"

namespace cairn::kv {
namespace {

using etcdserverpb::Compare;

bool Holds(Compare::CompareResult result, std::strong_ordering order) {
  switch (result) {
    case Compare::EQUAL:
      return order == 0;
    case Compare::GREATER:
      return order > 0;
    case Compare::LESS:
      return order < 0;
    case Compare::NOT_EQUAL:
      return order != 0;
    default:
      return true;  // An operator from the future does not fail the comparison; clients rely on it.
  }
}

// Every target but the value; a key that is missing is all zeros.
std::strong_ordering CompareNumber(const Compare& compare, const VersionInfo& info) {
  switch (compare.target()) {
    case Compare::VERSION:
      return info.version <=> compare.version();
    case Compare::CREATE:
      return info.create.value() <=> compare.create_revision();
    case Compare::MOD:
      return info.id.main.value() <=> compare.mod_revision();
    case Compare::LEASE:
      return info.lease.value() <=> compare.lease();
    default:
      return std::strong_ordering::equal;
  }
}

absl::StatusOr<bool> HoldsFor(const View& view, const Compare& compare, const VersionInfo& info) {
  if (compare.target() != Compare::VALUE) return Holds(compare.result(), CompareNumber(compare, info));
  CAIRN_ASSIGN_OR_RETURN(const FoundRecord record, view.RecordOf(info));
  const std::optional<KeyValueView> kv = DecodeKeyValue(record.bytes());
  if (!kv)
    return absl::DataLossError(fmt::format("store: the record {} is not a key and value", info.id.main));
  return Holds(compare.result(), kv->value <=> std::string_view(compare.value()));
}

bool HoldsForMissing(const Compare& compare) {
  // A value that is not there is neither equal nor unequal to anything.
  if (compare.target() == Compare::VALUE) return false;
  return Holds(compare.result(), CompareNumber(compare, {}));
}

absl::StatusOr<bool> CompareHolds(const View& view, const Compare& compare, RevisionId at,
                                  KeyBudget& budget) {
  if (compare.range_end().empty()) {
    if (!budget.MaybeTakeOne()) return errors::TooMuchForNow();
    CAIRN_ASSIGN_OR_RETURN(const std::optional<VersionInfo> info, view.Lookup(compare.key(), at));
    if (!info) return HoldsForMissing(compare);
    return HoldsFor(view, compare, *info);
  }
  RangeIterator it(view, KeyRange::FromRequest(compare.key(), compare.range_end()), at, budget);
  if (!it.Valid()) {
    CAIRN_RETURN_IF_ERROR(it.status());
    return HoldsForMissing(compare);
  }
  for (; it.Valid(); it.Next()) {
    CAIRN_ASSIGN_OR_RETURN(const bool holds, HoldsFor(view, compare, it.info()));
    if (!holds) return false;
  }
  CAIRN_RETURN_IF_ERROR(it.status());
  return true;
}

}  // namespace

absl::StatusOr<bool> ComparesHold(const View& view, const etcdserverpb::TxnRequest& request, RevisionId at,
                                  KeyBudget& budget) {
  for (const Compare& compare : request.compare()) {
    CAIRN_ASSIGN_OR_RETURN(const bool holds, CompareHolds(view, compare, at, budget));
    if (!holds) return false;
  }
  return true;
}

}  // namespace cairn::kv
