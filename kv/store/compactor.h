#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <atomic>
#include <cstdint>
#include <optional>
#include <vector>

#include "kv/model/revision.h"
#include "kv/store/schema.h"

namespace cairn::kv {

class Generation;
class WriteBatch;

// Removes history below the compacted revision, step by step, from `revisions` and `index`.
//
// It walks `revisions` from the mark it has reached to the next one, both included. Every change names the
// version it replaced: that one is dead, and so is a deletion older than the new mark (the deletion *at* the
// mark is still shown to a watcher, and goes with the next compaction). The walk is cut into windows; the
// index rows of a step go at once, the records of a window at its end, together with the progress, so that an
// interrupted window is simply walked again. Long runs of dead neighbours cost one range deletion.
//
// One thread, the worker's, except for done().
class Compactor {
 public:
  explicit Compactor(Generation& generation) : generation_(generation) {}

  // One step; false when there is nothing left to do. Does nothing while the index family has not caught up
  // with the mark.
  absl::StatusOr<bool> Step();

  // History is removed up to here. Thread-safe.
  [[nodiscard]] Revision done() const { return Revision{done_.load()}; }

  // Reads how far an earlier life came. Before any other call.
  absl::Status Load();

 private:
  struct Seen {
    RevisionId id;
    bool dead;
  };

  absl::StatusOr<bool> Walk();
  absl::Status Look(RevisionId id, const schema::Change& change, WriteBatch& batch);
  // A version that was replaced has a row among the older ones; a deletion may be the newest of its key.
  enum class Dead : std::uint8_t { kReplaced, kDeletion };
  absl::Status DropIndexRow(std::string_view key, RevisionId id, Dead dead, WriteBatch& batch) const;
  void MarkDead(RevisionId id, WriteBatch& batch);
  absl::Status EndWindow(RevisionId next, bool finished);

  Generation& generation_;
  std::atomic<std::int64_t> done_{kNeverCompacted.value()};
  std::optional<schema::Compaction> progress_;  // Nothing: idle. `next` moves with the windows.
  RevisionId next_{};                           // Within the window.
  std::vector<Seen> window_;                    // Records of the window so far, ascending.
};

}  // namespace cairn::kv
