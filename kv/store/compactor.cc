#include "kv/store/compactor.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>

#include "kv/model/key_value.h"
#include "kv/store/generation.h"
#include "raft/base/assert.h"
#include "raft/base/probe.h"
#include "raft/base/status.h"

namespace cairn::kv {
namespace {

RevisionId After(RevisionId id) { return {.main = id.main, .sub = id.sub + 1}; }

}  // namespace

absl::Status Compactor::Load() {
  CAIRN_ASSIGN_OR_RETURN(
      const schema::Compaction stored,
      ReadMeta(generation_.kv(), schema::kCompactionRow, schema::DecodeCompaction, schema::Compaction{}));
  done_.store(stored.done.value());
  if (stored.target != stored.done) {
    CAIRN_PROBE("compaction_resumed");
    progress_ = stored;
    next_ = stored.next;
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> Compactor::Step() {
  if (!progress_) {
    const Revision target = generation_.compacted();
    if (target <= done()) return false;
    // Begins at the old mark itself: a deletion there was kept for the watchers.
    next_ = {.main = std::max(done(), Revision{0}), .sub = 0};
    progress_ = schema::Compaction{.done = done(), .target = target, .next = next_};
    window_.clear();
  }
  CAIRN_ASSIGN_OR_RETURN(const Revision watermark, ReadMeta(generation_.kv(), schema::kWatermarkRow,
                                                            schema::DecodeRevision, Revision{0}));
  // The write-behind that the compaction asked for runs before it; a mark that moved on comes with its own.
  if (watermark < progress_->target && !generation_.index().Empty()) return false;
  CAIRN_ASSIGN_OR_RETURN(const bool finished, Walk());
  return !finished || generation_.compacted() > done();
}

// Looks at one step's worth of records; true at the end of the walk.
absl::StatusOr<bool> Compactor::Walk() {
  OrderedKv& kv = generation_.kv();
  const std::string from = schema::RevisionKey(next_);
  const auto cursor = kv.NewCursor(Family::kRevisions,
                                   {.lower = from,
                                    .upper = schema::RevisionKey({.main = Next(progress_->target), .sub = 0}),
                                    .cache = CacheUse::kPassBy});  // What it reads is old, and read once.
  const std::unique_ptr<WriteBatch> batch = kv.NewBatch();
  std::size_t looked = 0;
  std::size_t bytes = 0;
  const StoreOptions& options = generation_.options();
  for (cursor->Seek(from);
       cursor->Valid() && looked < options.compaction_step && bytes < options.compaction_step_bytes;
       cursor->Next()) {
    CAIRN_ASSIGN_OR_RETURN(const RevisionId id, schema::DecodeRevisionKey(cursor->key()));
    CAIRN_ASSIGN_OR_RETURN(const schema::Change change, schema::DecodeChange(cursor->value()));
    CAIRN_RETURN_IF_ERROR(Look(id, change, *batch));
    next_ = After(id);
    ++looked;
    bytes += cursor->value().size();
  }
  CAIRN_RETURN_IF_ERROR(cursor->status());
  const bool finished = !cursor->Valid();
  CAIRN_RETURN_IF_ERROR(kv.Write(*batch));
  if (finished || window_.size() >= generation_.options().compaction_window) {
    CAIRN_RETURN_IF_ERROR(EndWindow(next_, finished));
  }
  return finished;
}

absl::Status Compactor::Look(RevisionId id, const schema::Change& change, WriteBatch& batch) {
  const std::optional<KeyValueView> kv = DecodeKeyValue(change.record);
  if (!kv)
    return absl::DataLossError(
        fmt::format("store: the record {}.{} is not a key and value", id.main, id.sub));
  const bool at_old_mark = id.main <= progress_->done;
  CAIRN_ASSERT(id.main >= progress_->done || progress_->done < Revision{0}, "looked at {} below the mark {}",
               id.main, progress_->done);
  const bool dead_itself = change.deletion && id.main < progress_->target;
  window_.push_back({.id = id, .dead = dead_itself});
  if (change.previous && !at_old_mark) {
    CAIRN_RETURN_IF_ERROR(DropIndexRow(kv->key, *change.previous, Dead::kReplaced, batch));
    MarkDead(*change.previous, batch);
  }
  if (dead_itself) return DropIndexRow(kv->key, id, Dead::kDeletion, batch);
  return absl::OkStatus();
}

absl::Status Compactor::DropIndexRow(std::string_view key, RevisionId id, Dead dead,
                                     WriteBatch& batch) const {
  batch.Delete(Family::kIndex, schema::HistoryKey(key, id));
  if (dead == Dead::kReplaced) return absl::OkStatus();
  const std::string row = schema::LatestKey(key);
  CAIRN_ASSIGN_OR_RETURN(const auto latest, generation_.kv().Get(Family::kIndex, row));
  if (latest == nullptr) return absl::OkStatus();
  CAIRN_ASSIGN_OR_RETURN(const VersionInfo info, schema::DecodeVersion(latest->bytes()));
  if (info.id == id) batch.Delete(Family::kIndex, row);
  return absl::OkStatus();
}

void Compactor::MarkDead(RevisionId id, WriteBatch& batch) {
  const auto found = std::lower_bound(window_.begin(), window_.end(), id,
                                      [](const Seen& seen, RevisionId wanted) { return seen.id < wanted; });
  if (found != window_.end() && found->id == id) {
    found->dead = true;
  } else {
    batch.Delete(Family::kRevisions, schema::RevisionKey(id));  // From before the window.
  }
}

absl::Status Compactor::EndWindow(RevisionId next, bool finished) {
  OrderedKv& kv = generation_.kv();
  const std::unique_ptr<WriteBatch> batch = kv.NewBatch();
  for (auto it = window_.begin(); it != window_.end();) {
    const auto end =
        std::find_if(it, window_.end(), [it](const Seen& seen) { return seen.dead != it->dead; });
    if (it->dead && static_cast<std::size_t>(end - it) >= generation_.options().compaction_run) {
      CAIRN_PROBE("compaction_removes_a_run");
      batch->DeleteRange(Family::kRevisions, schema::RevisionKey(it->id),
                         schema::RevisionKey(After((end - 1)->id)));
      it = end;
      continue;
    }
    for (; it != end; ++it) {
      if (it->dead) batch->Delete(Family::kRevisions, schema::RevisionKey(it->id));
    }
  }
  progress_->next = next;
  if (finished) progress_->done = progress_->target;
  batch->Put(Family::kMeta, schema::kCompactionRow, schema::EncodeCompaction(*progress_));
  CAIRN_RETURN_IF_ERROR(kv.Write(*batch));
  window_.clear();
  if (finished) {
    done_.store(progress_->done.value());
    progress_.reset();
  }
  return absl::OkStatus();
}

}  // namespace cairn::kv
