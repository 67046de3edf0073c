#include "kv/store/view.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "raft/base/probe.h"
#include "raft/base/status.h"

namespace cairn::kv {

Bytes FoundRecord::Share(std::shared_ptr<Generation> generation) && {
  const std::string_view view = change_.record;
  if (pinned_ == nullptr) return {.owner = payload_.owner(), .view = view};
  // The pinned value goes before the generation, whose store it points into.
  struct Owner {
    std::shared_ptr<Generation> generation;
    std::unique_ptr<PinnedValue> pinned;
  };
  return {.owner = std::make_shared<Owner>(std::move(generation), std::move(pinned_)), .view = view};
}

absl::StatusOr<View> View::Take(const std::shared_ptr<Generation>& generation) {
  while (true) {
    const Revision current = generation->current();
    View view(generation, current);
    view.snapshot_ = view.kv().NewSnapshot();
    CAIRN_ASSIGN_OR_RETURN(view.compacted_, ReadMeta(view.kv(), schema::kCompactedRow, schema::DecodeRevision,
                                                     kNeverCompacted, view.snapshot_.get()));
    if (view.compacted_ <= current) return view;
    // The snapshot is younger than the pinned revision, and a compaction has passed it in between.
    CAIRN_PROBE("view_overtaken_by_compaction");
  }
}

View View::OfWriter(std::shared_ptr<Generation> generation, const std::vector<Event>& pending) {
  const Revision current = generation->current();
  View view(std::move(generation), current);
  view.pending_ = &pending;
  return view;
}

absl::StatusOr<std::optional<VersionInfo>> View::Lookup(std::string_view key, RevisionId at) const {
  // Newest table first: what a table has is newer than anything in the tables after it and in the family.
  for (const auto& table : *tables_) {
    const std::optional<VersionInfo> found = table->Newest(key, at);
    if (found) return found->deletion ? std::nullopt : found;
  }
  CAIRN_ASSIGN_OR_RETURN(const std::optional<VersionInfo> found, LookupInFamily(key, at));
  return found && found->deletion ? std::nullopt : found;
}

absl::StatusOr<std::optional<VersionInfo>> View::LookupInFamily(std::string_view key, RevisionId at) const {
  CAIRN_ASSIGN_OR_RETURN(const auto latest, kv().Get(Family::kIndex, schema::LatestKey(key), snapshot()));
  if (latest == nullptr) return std::nullopt;
  CAIRN_ASSIGN_OR_RETURN(const VersionInfo info, schema::DecodeVersion(latest->bytes()));
  if (info.id <= at) return info;
  const std::string from = schema::HistoryKey(key, at);
  const auto cursor =
      kv().NewCursor(Family::kIndex, {.lower = from, .upper = schema::IndexAfter(key)}, snapshot());
  cursor->Seek(from);
  if (!cursor->Valid()) {
    CAIRN_RETURN_IF_ERROR(cursor->status());
    return std::nullopt;
  }
  return schema::DecodeVersion(cursor->value());
}

absl::StatusOr<std::optional<FoundRecord>> View::Record(RevisionId id) const {
  if (pending_ != nullptr && !pending_->empty() && pending_->front().id <= id) {
    const auto found =
        std::lower_bound(pending_->begin(), pending_->end(), id,
                         [](const Event& event, RevisionId wanted) { return event.id < wanted; });
    if (found != pending_->end() && found->id == id) {
      return FoundRecord(
          found->record,
          {.deletion = found->deletion, .previous = found->previous, .record = found->record.bytes()});
    }
  }
  CAIRN_ASSIGN_OR_RETURN(auto pinned, kv().Get(Family::kRevisions, schema::RevisionKey(id), snapshot()));
  if (pinned == nullptr) return std::nullopt;
  CAIRN_ASSIGN_OR_RETURN(const schema::Change change, schema::DecodeChange(pinned->bytes()));
  return FoundRecord(std::move(pinned), change);
}

absl::StatusOr<FoundRecord> View::RecordOf(const VersionInfo& info) const {
  CAIRN_ASSIGN_OR_RETURN(std::optional<FoundRecord> found, Record(info.id));
  if (!found) {
    return absl::DataLossError(
        fmt::format("store: the index names a record at {}.{} that is not there", info.id.main, info.id.sub));
  }
  return *std::move(found);
}

}  // namespace cairn::kv
