#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "kv/model/range.h"
#include "kv/model/revision.h"
#include "kv/watch/byte_budget.h"
#include "kv/watch/intrusive_list.h"

namespace cairn::kv {

class Stream;
struct RangeGroup;

// One watch: a cursor into the history of its range. Everything but the constants is guarded by the hub's
// lock. In one of four states:
//
//   waiting   in group->waiting: everything up to the hub's revision that matches was sent.
//   ready     in its stream's queue: a change at or after `next` may be there to send.
//   being sent  in neither: its stream is building a response from `next` on, or sending it in pieces.
//   cancelled   group is null: cancelled by compaction; only the id is left, until the client cancels it too.
//
// A waiting watcher may be in its stream's queue as well: then it has a progress notification to send.
struct Watcher {
  Watcher(Stream& in_stream, std::int64_t with_id, ByteCharge with_charge)
      : stream(in_stream), id(with_id), charge(std::move(with_charge)) {}

  Stream& stream;
  const std::int64_t id;
  const ByteCharge charge;  // For its keys and itself.
  bool puts = true;         // Kinds of changes that its filters let through.
  bool deletions = true;
  bool previous_records = false;
  bool fragment = false;
  bool progress_notify = false;
  std::optional<Revision> future_start;  // Asked to start at a revision that did not exist yet.

  RangeGroup* group = nullptr;
  Revision next;  // Everything below was sent, or does not match, or is before the start. Never falls.
  std::int64_t passed = 0;       // Sub revisions of `next` below this one do not match.
  bool notify = false;           // A progress notification is due.
  bool sent_since_tick = false;  // Then the next notification is not needed.
  ListHook<Watcher> waiting_hook;
  ListHook<Watcher> ready_hook;
};

// One revision that changed a range: where its changes stand among the revision's events.
struct Hit {
  Revision revision;
  std::uint32_t first = 0;
  std::uint32_t last = 0;  // Inclusive. Events between that are outside of the range are passed over.
};

// The first hit at or above `revision`.
inline std::vector<Hit>::const_iterator FirstHit(const std::vector<Hit>& hits, Revision revision) {
  return std::lower_bound(hits.begin(), hits.end(), revision,
                          [](const Hit& hit, Revision at) { return hit.revision < at; });
}

// All watchers of one range. The feed pays once per range, not per watcher: it notes the hit here and moves
// whoever waits. Guarded by the hub's lock, but for `range`, which does not change.
struct RangeGroup {
  explicit RangeGroup(KeyRange with_range) : range(std::move(with_range)) {}

  const KeyRange range;
  Revision floor;         // Every revision above it that changed the range is in `hits`.
  std::vector<Hit> hits;  // Ascending, bounded. A watcher whose cursor is not above `floor` has to search.
  IntrusiveList<Watcher, &Watcher::waiting_hook> waiting;
  std::size_t members = 0;
};

}  // namespace cairn::kv
