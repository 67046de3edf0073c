#include "tests/kv/watch/fake_store.h"

#include <algorithm>
#include <utility>

#include "etcd/kv.pb.h"
#include "kv/model/errors.h"

namespace cairn::kv {
namespace {

constexpr std::int64_t kFirstWritten = 2;

// The key's bytes inside an encoded KeyValue, where they are the first field.
std::string_view KeyInside(const Payload& record, std::size_t length) {
  std::size_t at = 1;  // The tag.
  while ((static_cast<unsigned char>(record.bytes()[at]) & 0x80U) != 0) ++at;
  return record.bytes().substr(at + 1, length);
}

// The revision as it is fed when it is too large.
std::shared_ptr<const RevisionEvents> WithoutEvents(const RevisionEvents& revision) {
  const auto [least, greatest] =
      std::minmax_element(revision.events.begin(), revision.events.end(),
                          [](const Event& a, const Event& b) { return a.key < b.key; });
  KeyRange within{.begin = std::string(least->key), .end = std::string(greatest->key)};
  within.end.push_back('\0');
  return std::make_shared<RevisionEvents>(RevisionEvents{
      .revision = revision.revision, .events = {}, .complete = false, .within = std::move(within)});
}

}  // namespace

Revision FakeStore::Commit(std::vector<Change> changes) {
  auto made = std::make_shared<RevisionEvents>();
  {
    absl::MutexLock lock(&mu_);
    made->revision = Revision{static_cast<std::int64_t>(revisions_.size()) + kFirstWritten};
    for (Change& change : changes) {
      const auto live = live_.find(change.key);
      if (!change.value && live == live_.end()) continue;
      Event event;
      event.id = {.main = made->revision, .sub = static_cast<std::int64_t>(made->events.size())};
      event.deletion = !change.value.has_value();
      if (live != live_.end()) event.previous = live->second.id;
      mvccpb::KeyValue record;
      record.set_key(change.key);
      record.set_mod_revision(made->revision.value());
      if (change.value) {
        Live next{.id = event.id, .created = made->revision.value(), .version = 1};
        if (live != live_.end()) {
          next.created = live->second.created;
          next.version = live->second.version + 1;
        }
        record.set_value(*change.value);
        record.set_create_revision(next.created);
        record.set_version(next.version);
        live_[change.key] = next;
      } else {
        live_.erase(live);
      }
      event.record = Payload::FromString(record.SerializeAsString());
      event.key = KeyInside(event.record, change.key.size());
      records_[event.id] = event.record;
      made->events.push_back(std::move(event));
    }
    if (made->events.empty()) return Previous(made->revision);
    revisions_.push_back(made);
  }
  unfed_.push_back(made->events.size() > fed_limit_ ? WithoutEvents(*made) : made);
  if (!held_) ReleaseFeed();
  return made->revision;
}

void FakeStore::ReleaseFeed() {
  held_ = false;
  if (feed_ != nullptr) feed_->OnRevisions(unfed_);
  unfed_.clear();
}

void FakeStore::ReplaceState() {
  held_ = false;
  unfed_.clear();
  feed_->OnStateReplaced(current_revision(), compacted_revision());
}

void FakeStore::Compact(Revision revision) {
  {
    absl::MutexLock lock(&mu_);
    compacted_ = revision;
    // Records below the mark that a later version has replaced are gone.
    for (const auto& later : revisions_) {
      if (later->revision > revision) break;
      for (const Event& event : later->events) {
        if (event.previous) records_.erase(*event.previous);
      }
    }
  }
  if (feed_ != nullptr) feed_->OnCompacted(revision);
}

Revision FakeStore::current_revision() const {
  absl::MutexLock lock(&mu_);
  return Revision{static_cast<std::int64_t>(revisions_.size()) + kFirstWritten - 1};
}

Revision FakeStore::compacted_revision() const {
  absl::MutexLock lock(&mu_);
  return compacted_;
}

absl::StatusOr<HistoryChunk> FakeStore::ReadHistory(RevisionId from, const KeyRange* range,
                                                    const HistoryLimits& limits) {
  ++history_reads;
  absl::MutexLock lock(&mu_);
  if (!history_error.ok()) return history_error;
  if (from.main < compacted_) return errors::Compacted();
  HistoryChunk chunk{
      .next = {.main = Revision{static_cast<std::int64_t>(revisions_.size()) + kFirstWritten}}};
  std::size_t bytes = 0;
  const auto first = static_cast<std::size_t>(std::max<std::int64_t>(0, from.main.value() - kFirstWritten));
  for (std::size_t at = first; at < revisions_.size(); ++at) {
    const Revision revision = revisions_[at]->revision;
    if (at > first && (at - first >= limits.revisions || bytes >= limits.bytes)) {
      chunk.next = {.main = revision};
      break;
    }
    auto touching = std::make_shared<RevisionEvents>();
    touching->revision = revision;
    std::size_t revision_bytes = 0;
    for (const Event& event : revisions_[at]->events) {
      if (event.id < from) continue;
      if (revision_bytes > 0 && revision_bytes >= limits.revision_bytes) {
        chunk.next = event.id;
        break;
      }
      revision_bytes += event.record.size();
      if (range == nullptr || range->Contains(event.key)) touching->events.push_back(event);
    }
    bytes += revision_bytes;
    history_events += touching->events.size();
    if (!touching->events.empty()) chunk.revisions.push_back(std::move(touching));
    if (chunk.next.sub > 0) break;
  }
  largest_history_read = std::max(largest_history_read.load(), bytes);
  return chunk;
}

absl::StatusOr<std::optional<Payload>> FakeStore::RecordAt(RevisionId id) {
  ++record_reads;
  absl::MutexLock lock(&mu_);
  const auto found = records_.find(id);
  if (found == records_.end()) return std::optional<Payload>();
  return std::optional<Payload>(found->second);
}

absl::StatusOr<ReadAnswer> FakeStore::Range(const etcdserverpb::RangeRequest&, const ReadLimits&) {
  return absl::UnimplementedError("not part of the watch");
}
absl::StatusOr<ReadAnswer> FakeStore::ReadOnlyTxn(const etcdserverpb::TxnRequest&, const ReadLimits&) {
  return absl::UnimplementedError("not part of the watch");
}
absl::StatusOr<Reader::Hash> FakeStore::HashKv(Revision) {
  return absl::UnimplementedError("not part of the watch");
}

std::vector<std::shared_ptr<const RevisionEvents>> FakeStore::Everything() const {
  absl::MutexLock lock(&mu_);
  return revisions_;
}

}  // namespace cairn::kv
