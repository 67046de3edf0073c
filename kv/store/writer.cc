#include "kv/store/writer.h"

#include <iterator>
#include <string>
#include <utility>

#include "raft/base/assert.h"
#include "raft/base/checksum.h"
#include "raft/base/probe.h"
#include "raft/base/status.h"

namespace cairn::kv {
namespace {

// Widens `within` to a range that contains `key`.
void Include(KeyRange& within, std::string_view key) {
  if (key < within.begin) within.begin = key;
  if (key >= within.end) {
    within.end = key;
    within.end.push_back('\0');  // The next key there may be.
  }
}

}  // namespace

Writer::Writer(std::shared_ptr<Generation> generation, WriterOptions options)
    : generation_(std::move(generation)),
      options_(std::move(options)),
      batch_(generation_->kv().NewBatch()),
      view_(View::OfWriter(generation_, pending_)),
      state_(generation_->state()),
      compacted_(generation_->compacted()),
      members_(generation_->members()) {}

void Writer::Put(std::string_view key, std::string_view value, LeaseId lease,
                 const std::optional<VersionInfo>& previous) {
  const Revision revision = Next(state_.revision);
  VersionInfo info{.create = previous ? previous->create : revision,
                   .version = previous ? previous->version + 1 : 1,
                   .lease = lease};
  std::optional<RevisionId> replaced;
  if (previous) replaced = previous->id;
  const KeyValueView kv{.key = key,
                        .value = value,
                        .create = info.create,
                        .mod = revision,
                        .version = info.version,
                        .lease = lease};
  std::string stored = schema::ChangeHead(schema::ChangeKind::kPut, replaced);
  const std::size_t head = stored.size();
  stored.reserve(head + KeyValueSize(kv));
  AppendKeyValue(stored, kv);
  if (!previous) ++live_keys_added_;
  Change(key, std::move(stored), head, info, replaced);
}

void Writer::Delete(std::string_view key, const VersionInfo& previous) {
  std::string stored = schema::ChangeHead(schema::ChangeKind::kDeletion, previous.id);
  const std::size_t head = stored.size();
  AppendKeyValue(stored, {.key = key, .value = {}, .mod = Next(state_.revision)});
  --live_keys_added_;
  Change(key, std::move(stored), head, {.deletion = true}, previous.id);
}

void Writer::Change(std::string_view key, std::string value, std::size_t head, const VersionInfo& info,
                    std::optional<RevisionId> previous) {
  const Revision revision = Next(state_.revision);
  if (!open_) {
    open_.emplace();
    open_->events = std::make_shared<RevisionEvents>(RevisionEvents{.revision = revision, .events = {}});
  }
  VersionInfo version = info;
  version.id = {.main = revision, .sub = open_->changes++};
  batch_->Put(Family::kRevisions, schema::RevisionKey(version.id), value);
  generation_->index().Insert(key, version);
  // One allocation carries the stored value to the batch, the watchers and later reads of this batch.
  auto owner = std::make_shared<const std::string>(std::move(value));
  const std::string_view record = std::string_view(*owner).substr(head);
  Event event{.id = version.id,
              .deletion = info.deletion,
              .record = Payload::FromParts(std::move(owner), record, Checksum(record)),
              .key = DecodeKeyValue(record)->key,
              .previous = previous};
  pending_.push_back(event);
  Collect(std::move(event));
}

// For the feed, as long as the revision is one that can be handed on in memory.
void Writer::Collect(Event event) {
  RevisionEvents& collected = *open_->events;
  if (!collected.complete) return Include(*collected.within, event.key);
  open_->bytes += sizeof(Event) + event.record.size();
  collected.events.push_back(std::move(event));
  if (open_->bytes <= options_.feed_bytes) return;
  CAIRN_PROBE("writer_revision_too_large_to_feed");
  collected.complete = false;
  collected.within = KeyRange::FromRequest(collected.events.front().key, {});
  for (const Event& change : collected.events) Include(*collected.within, change.key);
  collected.events = {};
}

absl::Status Writer::SplitIfLarge() {
  if (!full()) return absl::OkStatus();
  CAIRN_PROBE("writer_splits_a_request");
  // The state row says where the entry before this one left off: after a crash the changes written here stand
  // above the stored revision and are removed (Generation::RemoveUnfinished).
  CAIRN_RETURN_IF_ERROR(WriteBatchOut());
  // The batch may have begun with complete entries, among them a compaction: a reader that finds its mark in
  // the store and an older revision published would wait for us (View::Take).
  Publish();
  if (options_.between_batches) {
    options_.between_batches();
    RefreshView();
  }
  return absl::OkStatus();
}

void Writer::SetCompacted(Revision compacted) {
  CAIRN_ASSERT(compacted > compacted_, "compacted {} after {}", compacted, compacted_);
  compacted_ = compacted;
  compacted_moved_ = true;
  batch_->Put(Family::kMeta, schema::kCompactedRow, schema::EncodeRevision(compacted));
}

void Writer::SetMembers(Members members) {
  batch_->Put(Family::kMeta, schema::kMembersRow, schema::EncodeMembers(members));
  members_ = std::make_shared<const Members>(std::move(members));
  members_moved_ = true;
}

void Writer::EndEntry(raft::EntryId id, ClusterTime time) {
  CAIRN_ASSERT(id.index > state_.applied.index, "entry {} after {}", id.index, state_.applied.index);
  CAIRN_ASSERT(time >= state_.time, "cluster time fell from {} to {} at entry {}", state_.time, time,
               id.index);
  state_.applied = id;
  state_.time = time;
  if (open_) {
    state_.revision = Next(state_.revision);
    complete_.push_back(std::move(open_->events));
    open_.reset();
  }
  state_.live_keys += std::exchange(live_keys_added_, 0);
}

absl::Status Writer::WriteBatchOut() {
  batch_->Put(Family::kMeta, schema::kStateRow, schema::EncodeState(state_));
  generation_->GrowTail(batch_->bytes());
  CAIRN_RETURN_IF_ERROR(generation_->kv().Write(*batch_));
  batch_->Clear();
  pending_.clear();  // Found in the store from now on.
  return absl::OkStatus();
}

absl::Status Writer::Commit() {
  CAIRN_ASSERT(!open_, "committed in the middle of an entry, after {}", state_.applied.index);
  CAIRN_RETURN_IF_ERROR(WriteBatchOut());
  Publish();
  return absl::OkStatus();
}

void Writer::Publish() {
  // The compacted revision first: who sees the new one refuses old reads a moment too early at worst.
  if (std::exchange(compacted_moved_, false)) {
    generation_->PublishCompacted(compacted_);
    visible_.compacted = compacted_;
  }
  if (std::exchange(members_moved_, false)) generation_->PublishMembers(members_);
  generation_->Publish(state_);
  visible_.revisions.insert(visible_.revisions.end(), std::make_move_iterator(complete_.begin()),
                            std::make_move_iterator(complete_.end()));
  complete_.clear();
}

Writer::Visible Writer::TakeVisible() { return std::exchange(visible_, {}); }

}  // namespace cairn::kv
