#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "kv/model/bytes.h"
#include "kv/model/event.h"
#include "kv/model/revision.h"
#include "kv/store/generation.h"
#include "kv/store/schema.h"

namespace cairn::kv {

// A record as it was found: in the store's own memory, or in that of the batch that is being made.
class FoundRecord {
 public:
  // REQUIRES: `pinned` holds a decodable change.
  FoundRecord(std::unique_ptr<PinnedValue> pinned, schema::Change change)
      : pinned_(std::move(pinned)), change_(change) {}
  FoundRecord(Payload payload, schema::Change change) : payload_(std::move(payload)), change_(change) {}

  // Until this object goes.
  [[nodiscard]] const schema::Change& change() const { return change_; }
  [[nodiscard]] std::string_view bytes() const { return change_.record; }
  // The record's bytes with their owner, for an answer that outlives this object. `generation` is the one the
  // record came from.
  [[nodiscard]] Bytes Share(std::shared_ptr<Generation> generation) &&;

 private:
  std::unique_ptr<PinnedValue> pinned_;
  Payload payload_;
  schema::Change change_;
};

// The state after one revision, and the history before it: nothing that happens afterwards shows, and nothing
// visible here is removed. A view pins its revision, takes the tables of the key index, then a snapshot of
// the store, then reads the compacted revision through that: in any other order a compaction or a
// write-behind between two steps could take something away.
//
// Thread-safe for reading. Holds its generation. Short-lived: it keeps RocksDB from dropping old versions.
class View {
 public:
  static absl::StatusOr<View> Take(const std::shared_ptr<Generation>& generation);

  // What the applier reads through: the state now, including the changes of the batch that is being made
  // (`pending`, ascending; outlives the view). Without a snapshot, since only the applier moves this state;
  // the removal of history and the write-behind, which go on beside, take nothing away that is newer than the
  // compacted revision. Its current() and compacted() mean nothing: the writer knows them.
  static View OfWriter(std::shared_ptr<Generation> generation, const std::vector<Event>& pending);

  [[nodiscard]] Revision current() const { return current_; }
  [[nodiscard]] Revision compacted() const { return compacted_; }
  [[nodiscard]] const std::shared_ptr<Generation>& generation() const { return generation_; }
  [[nodiscard]] const std::shared_ptr<const KeyIndex::Tables>& tables() const { return tables_; }
  [[nodiscard]] const KvSnapshot* snapshot() const { return snapshot_.get(); }
  [[nodiscard]] OrderedKv& kv() const { return generation_->kv(); }

  // The newest version of `key` at or below `at`; nothing if the key was not alive then.
  [[nodiscard]] absl::StatusOr<std::optional<VersionInfo>> Lookup(std::string_view key, RevisionId at) const;

  // The change `id`; nothing if it is not there (any more).
  [[nodiscard]] absl::StatusOr<std::optional<FoundRecord>> Record(RevisionId id) const;
  // The same where the index says that it is there: data loss if it is not.
  [[nodiscard]] absl::StatusOr<FoundRecord> RecordOf(const VersionInfo& info) const;

 private:
  View(std::shared_ptr<Generation> generation, Revision current)
      : generation_(std::move(generation)), tables_(generation_->index().tables()), current_(current) {}

  [[nodiscard]] absl::StatusOr<std::optional<VersionInfo>> LookupInFamily(std::string_view key,
                                                                          RevisionId at) const;

  // In the order in which they are taken; destroyed in the opposite one.
  std::shared_ptr<Generation> generation_;
  std::shared_ptr<const KeyIndex::Tables> tables_;
  std::unique_ptr<KvSnapshot> snapshot_;  // Null in the writer's view.
  Revision current_;
  Revision compacted_ = kNeverCompacted;
  const std::vector<Event>* pending_ = nullptr;
};

}  // namespace cairn::kv
