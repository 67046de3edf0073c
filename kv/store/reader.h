#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kv/model/bytes.h"
#include "kv/model/event.h"
#include "kv/model/range.h"
#include "kv/model/revision.h"
#include "kv/store/key_budget.h"
#include "proto/etcd/rpc_fwd.h"

namespace cairn::kv {

// The answer to a read: an encoded response message without its header field (field 1), which the API
// prepends, and the revision for that header.
struct ReadAnswer {
  Revision revision;
  EncodedMessage body;
};

// What one read may cost.
struct ReadLimits {
  std::size_t max_bytes = std::numeric_limits<std::size_t>::max();  // The answer's.
  std::uint64_t max_keys = KeyBudget::kUnlimited;  // That it looks at, those left out of the answer too.
  // Set, by any thread, when nobody waits for the answer any more: then it looks at no further key.
  const std::atomic<bool>* abandoned = nullptr;
};

// How far one read of the history goes. What was looked at counts, whether it matched or not.
struct HistoryLimits {
  std::size_t revisions = 0;  // Then it ends before the next revision, but not before the first one.
  std::size_t bytes = 0;      // As well.
  // Of one revision; then it ends inside it, but not before its first change.
  std::size_t revision_bytes = std::numeric_limits<std::size_t>::max();
};

// Changes from the history, oldest first. The first and the last revision may be there in part.
struct HistoryChunk {
  std::vector<std::shared_ptr<const RevisionEvents>> revisions = {};
  // Where to go on: every change below was looked at. Above the current revision when there is no more.
  RevisionId next = {};
};

// The read side of the store, as the API and the watch hub see it. Thread-safe. Outlives snapshot installs:
// each call works on the store generation current when it began.
class Reader {
 public:
  virtual ~Reader() = default;

  [[nodiscard]] virtual Revision current_revision() const = 0;
  [[nodiscard]] virtual Revision compacted_revision() const = 0;  // kNeverCompacted before the first.

  // Body: etcdserverpb.RangeResponse. The caller has validated the request and, if it is linearizable,
  // waited. Refuses with ResourceExhausted when the answer would exceed `limits.max_bytes`, and with
  // errors::TooMuchForNow() when it would look at more than `limits.max_keys`, or is abandoned.
  virtual absl::StatusOr<ReadAnswer> Range(const etcdserverpb::RangeRequest& request,
                                           const ReadLimits& limits) = 0;

  // Body: etcdserverpb.TxnResponse of a transaction that only reads. The limits are those of all its ranges
  // and comparisons together.
  virtual absl::StatusOr<ReadAnswer> ReadOnlyTxn(const etcdserverpb::TxnRequest& request,
                                                 const ReadLimits& limits) = 0;

  // Changes from `from` on that touch `range` (null: all), until a limit is reached. Compacted() if from is
  // below the compacted revision.
  virtual absl::StatusOr<HistoryChunk> ReadHistory(RevisionId from, const KeyRange* range,
                                                   const HistoryLimits& limits) = 0;

  // The record at `id`; nothing if it was compacted away. For prev_kv of watch events.
  virtual absl::StatusOr<std::optional<Payload>> RecordAt(RevisionId id) = 0;

  struct Hash {
    std::uint32_t hash = 0;
    Revision current;
    Revision hashed;
    Revision compacted;
  };
  // CRC32C over the history up to `revision` (0: now) without what compaction removed; equal on all members
  // at equal revisions (contract: Maintenance.HashKV).
  virtual absl::StatusOr<Hash> HashKv(Revision revision) = 0;

  struct Sizes {
    std::uint64_t allocated = 0;
    std::uint64_t in_use = 0;
    std::uint64_t keys = 0;
  };
  [[nodiscard]] virtual Sizes sizes() const = 0;
};

// Who wants to know of every applied revision: the watch hub. All calls come from the applier's thread, in
// order, after the change is visible to Reader; they must not block.
class RevisionFeed {
 public:
  virtual ~RevisionFeed() = default;
  // A revision that is not complete counts as well: no revision is left out.
  virtual void OnRevisions(std::span<const std::shared_ptr<const RevisionEvents>> revisions) = 0;
  virtual void OnCompacted(Revision compacted) = 0;
  // A snapshot was installed: history up to `current` must be read from Reader.
  virtual void OnStateReplaced(Revision current, Revision compacted) = 0;
};

}  // namespace cairn::kv
