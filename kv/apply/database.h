#pragma once

#include <absl/functional/any_invocable.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "kv/model/member.h"
#include "kv/model/revision.h"
#include "kv/store/options.h"
#include "kv/store/reader.h"
#include "raft/replica/ports.h"

namespace cairn::kv {

class StoreHome;

struct DatabaseOptions {
  StoreOptions store;
  std::size_t batch_bytes = 4 << 20;  // An Apply() span is written in batches of about this size.
  // Changes of one revision that are kept in memory for the feed, which reads larger ones from the history.
  // Not more than the watch hub keeps: it would throw them away.
  std::size_t feed_bytes = 32 << 20;
  // The answer of one transaction or deletion; above it the client learns that the request took effect, not
  // the answer. The same on every member, whatever its memory.
  std::size_t answer_bytes = std::size_t{256} << 20;
};

// One member's replicated key-value state: the store, the state machine that changes it, and the reads.
//
// The parts it hands out live as long as it does. Destroying it without Close() is safe (the log replays what
// was not flushed) and is what a crash does; nothing may be calling it then.
class KvDatabase {
 public:
  // Opens the store below `directory`, or makes one whose first members are `bootstrap` (its incarnations may
  // be unknown). `bootstrap` is ignored if there is a store already. FailedPrecondition for a newer format.
  static absl::StatusOr<std::unique_ptr<KvDatabase>> Open(const std::string& directory,
                                                          const DatabaseOptions& options,
                                                          const Members& bootstrap);

  // Without a disk and without threads: deterministic, all background work is done at once by whoever caused
  // it. The state is in `home` (kv/store/memory_home.h), which outlives the database; opening it again brings
  // back what was flushed. For tests and simulation.
  static absl::StatusOr<std::unique_ptr<KvDatabase>> OpenInMemory(StoreHome& home,
                                                                  const DatabaseOptions& options,
                                                                  const Members& bootstrap);
  // The same with a home of its own, forgotten with the database.
  static absl::StatusOr<std::unique_ptr<KvDatabase>> OpenInMemory(const Members& bootstrap);

  virtual ~KvDatabase() = default;

  // Thread-safe.
  [[nodiscard]] virtual Reader& reader() = 0;

  // Calls as raft/replica/ports.h says: one applier thread.
  [[nodiscard]] virtual raft::StateMachine& state_machine() = 0;

  // Who is told of every applied revision; null: nobody. REQUIRES: Apply() is not running. `feed` outlives
  // the database or is replaced before it dies.
  virtual void SetFeed(RevisionFeed* feed) = 0;

  // Thread-safe; never waits.
  [[nodiscard]] virtual std::shared_ptr<const Members> members() const = 0;

  // Calls `done` when the history up to `revision` has been removed physically on this member: at once if
  // that is so already, else from the background thread. An error if the background work fails, the database
  // is destroyed first, or GiveUpWaiting() is called. For
  // Compact(physical). `done` must not block. Thread-safe.
  virtual void WhenCompacted(Revision revision, absl::AnyInvocable<void(absl::Status)> done) = 0;

  // Calls everyone who waits with `error`, and at once whoever comes later to wait for what is not removed
  // yet: the node is shutting down, or cannot go on. The removal itself goes on. REQUIRES: !error.ok().
  // Thread-safe; idempotent, the first error counts.
  virtual void GiveUpWaiting(absl::Status error) = 0;

  // Stops the background work and makes everything applied durable. Nothing may be applied afterwards.
  virtual absl::Status Close() = 0;
};

}  // namespace cairn::kv
