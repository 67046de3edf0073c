#pragma once

#include <absl/synchronization/mutex.h>

#include <atomic>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kv/store/reader.h"

namespace cairn::kv {

// One change of a revision as a test writes it; no value deletes.
struct Change {
  std::string key;
  std::optional<std::string> value;
};

// A multi-version store in two maps, with the feed that the applier would drive. Thread-safe.
class FakeStore final : public Reader {
 public:
  void SetFeed(RevisionFeed* feed) { feed_ = feed; }

  // One revision with these changes, in order; deletions of keys that are not there are left out. Feeds it
  // unless feeding is held.
  Revision Commit(std::vector<Change> changes);
  Revision Put(std::string key, std::string value) { return Commit({{std::move(key), std::move(value)}}); }
  Revision Delete(std::string key) { return Commit({{std::move(key), std::nullopt}}); }
  void Compact(Revision revision);

  // Revisions become readable but are not fed until ReleaseFeed(): the moment between the two.
  void HoldFeed() { held_ = true; }
  void ReleaseFeed();
  // From now on, revisions of more than `events` changes are fed without them, but with their keys' range.
  void LimitFed(std::size_t events) { fed_limit_ = events; }
  // What is held is never fed: a snapshot came instead.
  void ReplaceState();

  Revision current_revision() const override;
  Revision compacted_revision() const override;
  absl::StatusOr<HistoryChunk> ReadHistory(RevisionId from, const KeyRange* range,
                                           const HistoryLimits& limits) override;
  absl::StatusOr<std::optional<Payload>> RecordAt(RevisionId id) override;

  absl::StatusOr<ReadAnswer> Range(const etcdserverpb::RangeRequest&, const ReadLimits&) override;
  absl::StatusOr<ReadAnswer> ReadOnlyTxn(const etcdserverpb::TxnRequest&, const ReadLimits&) override;
  absl::StatusOr<Hash> HashKv(Revision) override;
  Sizes sizes() const override { return {}; }

  // Every revision ever committed, compacted ones too.
  std::vector<std::shared_ptr<const RevisionEvents>> Everything() const;

  std::atomic<int> history_reads{0};
  std::atomic<std::size_t> history_events{0};        // Brought by them.
  std::atomic<std::size_t> largest_history_read{0};  // In bytes looked at.
  std::atomic<int> record_reads{0};
  // The next reads of the history fail with this.
  absl::Status history_error;

 private:
  struct Live {
    RevisionId id;
    std::int64_t created = 0;
    std::int64_t version = 0;
  };

  RevisionFeed* feed_ = nullptr;
  bool held_ = false;
  std::size_t fed_limit_ = std::numeric_limits<std::size_t>::max();
  std::vector<std::shared_ptr<const RevisionEvents>> unfed_;

  mutable absl::Mutex mu_;
  std::vector<std::shared_ptr<const RevisionEvents>> revisions_;  // That of revision 2 first.
  std::map<std::string, Live> live_;
  std::map<RevisionId, Payload> records_;
  Revision compacted_ = kNeverCompacted;
};

}  // namespace cairn::kv
