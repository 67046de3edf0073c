#include "kv/store/generation.h"

#include <fmt/format.h>

#include <utility>

#include "kv/model/key_value.h"
#include "kv/store/index_writer.h"
#include "raft/base/assert.h"
#include "raft/base/probe.h"
#include "raft/base/status.h"

namespace cairn::kv {
namespace {

constexpr std::size_t kCleanUpBytes = 1 << 20;

// Closes the store before its files go, however the task that holds it ends.
class RetiredStore {
 public:
  explicit RetiredStore(OpenedStore store) : store_(std::move(store)) {}
  ~RetiredStore() { Close(); }
  RetiredStore(const RetiredStore&) = delete;
  RetiredStore& operator=(const RetiredStore&) = delete;

  void Close() {
    store_.kv.reset();
    if (store_.remove) std::exchange(store_.remove, nullptr)();
  }

 private:
  OpenedStore store_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<Generation>> Generation::Open(OpenedStore store, const StoreOptions& options,
                                                             const Members* bootstrap) {
  std::shared_ptr<Generation> generation(new Generation(std::move(store), options));
  CAIRN_ASSIGN_OR_RETURN(const auto format, generation->kv().Get(Family::kMeta, schema::kFormatRow));
  if (format == nullptr) {
    if (bootstrap == nullptr) return absl::DataLossError("the store is empty: not a copy of any member's");
    CAIRN_RETURN_IF_ERROR(generation->Initialise(*bootstrap));
  }
  CAIRN_RETURN_IF_ERROR(generation->Load());
  CAIRN_RETURN_IF_ERROR(generation->RemoveUnfinished());
  CAIRN_RETURN_IF_ERROR(generation->RebuildIndex());
  return generation;
}

Generation::~Generation() {
  if (!retired()) return;
  auto store = std::make_unique<RetiredStore>(std::move(store_));
  // A reader may be the last, on a thread that has other things to do than to remove gigabytes.
  if (elsewhere_) elsewhere_([store = std::move(store)] { store->Close(); });
}

absl::Status Generation::Initialise(const Members& bootstrap) {
  const std::unique_ptr<WriteBatch> batch = kv().NewBatch();
  batch->Put(Family::kMeta, schema::kFormatRow, schema::EncodeRevision(Revision{schema::kFormat}));
  batch->Put(Family::kMeta, schema::kStateRow, schema::EncodeState({}));
  batch->Put(Family::kMeta, schema::kMembersRow, schema::EncodeMembers(bootstrap));
  CAIRN_RETURN_IF_ERROR(kv().Write(*batch));
  return kv().FlushAll();
}

absl::Status Generation::Load() {
  CAIRN_ASSIGN_OR_RETURN(const Revision format,
                         ReadMeta(kv(), schema::kFormatRow, schema::DecodeRevision, Revision{0}));
  if (format.value() != schema::kFormat) {
    return absl::FailedPreconditionError(fmt::format(
        "the store has format {} and this program knows format {}: start the version that wrote it", format,
        schema::kFormat));
  }
  CAIRN_ASSIGN_OR_RETURN(const auto state_row, kv().Get(Family::kMeta, schema::kStateRow));
  CAIRN_ASSIGN_OR_RETURN(const auto members_row, kv().Get(Family::kMeta, schema::kMembersRow));
  if (state_row == nullptr || members_row == nullptr) {
    return absl::DataLossError("the store has a format but no state: remove the member and add it anew");
  }
  CAIRN_ASSIGN_OR_RETURN(const schema::State state, schema::DecodeState(state_row->bytes()));
  CAIRN_ASSIGN_OR_RETURN(Members members, schema::DecodeMembers(members_row->bytes()));
  CAIRN_ASSIGN_OR_RETURN(const Revision compacted,
                         ReadMeta(kv(), schema::kCompactedRow, schema::DecodeRevision, kNeverCompacted));
  if (compacted > state.revision) {
    return absl::DataLossError(
        fmt::format("store: compacted at {}, beyond its revision {}", compacted, state.revision));
  }
  CAIRN_RETURN_IF_ERROR(compactor_.Load());
  PublishMembers(std::make_shared<const Members>(std::move(members)));
  PublishCompacted(compacted);
  Publish(state);
  return absl::OkStatus();
}

// A request that spans several batches writes the revision with its last one. If that is missing, its first
// changes are there under a revision that does not exist yet, and the log will apply the request again: it
// must not meet its own traces, neither in `revisions` nor in `index`, if that was written behind meanwhile.
absl::Status Generation::RemoveUnfinished() {
  const std::string from = schema::RevisionKey({.main = Next(current()), .sub = 0});
  const auto cursor = kv().NewCursor(Family::kRevisions, {.lower = from, .upper = std::nullopt});
  const std::unique_ptr<WriteBatch> batch = kv().NewBatch();
  for (cursor->Seek(from); cursor->Valid(); cursor->Next()) {
    CAIRN_PROBE("store_unfinished_request_removed");
    CAIRN_ASSIGN_OR_RETURN(const RevisionId id, schema::DecodeRevisionKey(cursor->key()));
    CAIRN_ASSIGN_OR_RETURN(const schema::Change change, schema::DecodeChange(cursor->value()));
    const std::optional<KeyValueView> kv_view = DecodeKeyValue(change.record);
    if (!kv_view)
      return absl::DataLossError(
          fmt::format("store: the record {}.{} is not a key and value", id.main, id.sub));
    CAIRN_RETURN_IF_ERROR(TakeBack(kv(), *batch, kv_view->key, schema::EndOf(current())));
    batch->Delete(Family::kRevisions, cursor->key());
    if (batch->bytes() < kCleanUpBytes) continue;
    CAIRN_RETURN_IF_ERROR(kv().Write(*batch));
    batch->Clear();
  }
  CAIRN_RETURN_IF_ERROR(cursor->status());
  return kv().Write(*batch);
}

absl::Status Generation::RebuildIndex() {
  CAIRN_ASSIGN_OR_RETURN(const Revision watermark,
                         ReadMeta(kv(), schema::kWatermarkRow, schema::DecodeRevision, Revision{0}));
  const std::string from = schema::RevisionKey({.main = Next(watermark), .sub = 0});
  const auto cursor = kv().NewCursor(Family::kRevisions, {.lower = from, .upper = std::nullopt});
  for (cursor->Seek(from); cursor->Valid(); cursor->Next()) {
    CAIRN_ASSIGN_OR_RETURN(const RevisionId id, schema::DecodeRevisionKey(cursor->key()));
    CAIRN_ASSIGN_OR_RETURN(const schema::Change change, schema::DecodeChange(cursor->value()));
    const std::optional<KeyValueView> kv_view = DecodeKeyValue(change.record);
    if (!kv_view)
      return absl::DataLossError(
          fmt::format("store: the record {}.{} is not a key and value", id.main, id.sub));
    GrowTail(cursor->value().size());
    if (index_.active_bytes() >= options_.key_index_bytes) {
      index_.Freeze(Previous(id.main));  // The revision this one belongs to may go on in the next table.
      ResetTail();
      CAIRN_RETURN_IF_ERROR(WriteOldestBehind(*this));
    }
    index_.Insert(kv_view->key, {.id = id,
                                 .create = kv_view->create,
                                 .version = kv_view->version,
                                 .lease = kv_view->lease,
                                 .deletion = change.deletion});
  }
  return cursor->status();
}

schema::State Generation::state() const {
  absl::MutexLock lock(&mu_);
  return state_;
}

std::shared_ptr<const Members> Generation::members() const {
  absl::MutexLock lock(&mu_);
  return members_;
}

void Generation::Publish(const schema::State& state) {
  {
    absl::MutexLock lock(&mu_);
    CAIRN_ASSERT(state.applied.index >= state_.applied.index, "applied index fell from {} to {}",
                 state_.applied.index, state.applied.index);
    CAIRN_ASSERT(state.revision >= state_.revision, "revision fell from {} to {}", state_.revision,
                 state.revision);
    state_ = state;
  }
  current_.store(state.revision.value(), std::memory_order_release);
}

void Generation::PublishMembers(std::shared_ptr<const Members> members) {
  absl::MutexLock lock(&mu_);
  members_ = std::move(members);
}

}  // namespace cairn::kv
