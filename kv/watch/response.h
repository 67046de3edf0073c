#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "kv/model/bytes.h"
#include "kv/model/event.h"
#include "kv/model/revision.h"
#include "kv/watch/event_ring.h"

namespace cairn::kv {

// The header of a response, filled when the response is made.
struct WatchHeader {
  std::uint64_t cluster_id = 0;
  std::uint64_t member_id = 0;
  std::uint64_t raft_term = 0;
  Revision revision;
};

// A response without events. `cancel_reason` must be valid UTF-8: no raw keys.
struct WatchNotice {
  std::int64_t watch_id = 0;
  bool created = false;
  bool canceled = false;
  std::optional<Revision> compact_revision = {};
  std::string_view cancel_reason = {};
};

EncodedMessage EncodeNotice(const WatchHeader& header, const WatchNotice& notice);

// One event as one watcher gets it.
struct ChosenEvent {
  const Event* event = nullptr;                 // Inside one of ChosenEvents::slots.
  std::optional<Payload> previous_record = {};  // If the watcher asked and it is there.
};

// What one response tells, and what keeps it alive.
struct ChosenEvents {
  std::vector<SlotRef> slots;
  std::vector<ChosenEvent> events;
};

// Where to cut a response so that no piece reaches `limit` bytes unless a single event does: the index behind
// the last event of each piece. One piece if all of it is below the limit.
std::vector<std::size_t> FragmentEnds(std::span<const ChosenEvent> events, std::size_t limit);

// Encodes a WatchResponse that carries `events`. Small records are copied, large ones referenced.
EncodedMessage EncodeEvents(const WatchHeader& header, std::int64_t watch_id, bool more_fragments,
                            std::span<const ChosenEvent> events);

}  // namespace cairn::kv
