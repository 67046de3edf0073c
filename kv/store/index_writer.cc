#include "kv/store/index_writer.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "kv/store/generation.h"
#include "kv/store/schema.h"
#include "raft/base/probe.h"
#include "raft/base/status.h"

namespace cairn::kv {
namespace {

constexpr std::size_t kBatchBytes = 1 << 20;

// All versions of one key, newest first; leaves `it` at the next key.
absl::Status AddKey(OrderedKv& kv, WriteBatch& batch, KeyTable::Iterator& it) {
  const std::string_view key = it.key();
  const std::string latest_row = schema::LatestKey(key);
  CAIRN_ASSIGN_OR_RETURN(const auto stored, kv.Get(Family::kIndex, latest_row));
  std::optional<VersionInfo> before;
  if (stored != nullptr) {
    CAIRN_ASSIGN_OR_RETURN(before, schema::DecodeVersion(stored->bytes()));
  }
  const VersionInfo newest = it.info();
  // After a crash in the middle the family may already have some of these.
  const auto written = [&before](const VersionInfo& info) { return before && info.id <= before->id; };
  if (!written(newest)) {
    batch.Put(Family::kIndex, latest_row, schema::EncodeVersion(newest));
    if (before) {
      batch.Put(Family::kIndex, schema::HistoryKey(key, before->id), schema::EncodeVersion(*before));
    }
  }
  for (it.Next(); it.Valid() && it.key() == key; it.Next()) {
    const VersionInfo info = it.info();
    if (!written(info)) {
      batch.Put(Family::kIndex, schema::HistoryKey(key, info.id), schema::EncodeVersion(info));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status WriteOldestBehind(Generation& generation) {
  const std::optional<KeyIndex::Frozen> frozen = generation.index().OldestFrozen();
  if (!frozen) return absl::OkStatus();
  OrderedKv& kv = generation.kv();
  const std::unique_ptr<WriteBatch> batch = kv.NewBatch();
  KeyTable::Iterator it(*frozen->table);
  for (it.SeekToFirst(); it.Valid();) {
    CAIRN_RETURN_IF_ERROR(AddKey(kv, *batch, it));
    if (batch->bytes() < kBatchBytes) continue;
    CAIRN_RETURN_IF_ERROR(kv.Write(*batch));
    batch->Clear();
  }
  batch->Put(Family::kMeta, schema::kWatermarkRow, schema::EncodeRevision(frozen->last));
  CAIRN_RETURN_IF_ERROR(kv.Write(*batch));
  // Only now: a reader that took the tables before finds the versions in both places, never in none.
  generation.index().DropOldestFrozen();
  return absl::OkStatus();
}

absl::Status TakeBack(OrderedKv& kv, WriteBatch& batch, std::string_view key, RevisionId at) {
  const std::string latest_row = schema::LatestKey(key);
  const auto cursor = kv.NewCursor(Family::kIndex, {.lower = latest_row, .upper = schema::IndexAfter(key)});
  // The newest version first, then the older ones, descending.
  for (cursor->Seek(latest_row); cursor->Valid(); cursor->Next()) {
    CAIRN_ASSIGN_OR_RETURN(const VersionInfo info, schema::DecodeVersion(cursor->value()));
    if (info.id > at) {
      CAIRN_PROBE("index_unfinished_request_removed");
      batch.Delete(Family::kIndex, cursor->key());
      continue;
    }
    if (cursor->key() != latest_row) {
      batch.Delete(Family::kIndex, cursor->key());
      batch.Put(Family::kIndex, latest_row, cursor->value());
    }
    break;
  }
  return cursor->status();
}

}  // namespace cairn::kv
