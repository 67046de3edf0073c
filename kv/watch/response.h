#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "kv/model/bytes.h"
#include "kv/model/event.h"
#include "kv/model/revision.h"
#include "kv/watch/byte_budget.h"
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
  std::vector<SlotRef> slots = {};
  std::vector<ChosenEvent> events = {};
};

// Where a message stands in a response.
enum class Piece : std::uint8_t {
  kLast,        // The whole response, or the last of its pieces.
  kMoreFollow,  // Only to those who asked for fragments.
};

// What an event takes in a message.
std::size_t EncodedSize(const ChosenEvent& event);

// At most what everything else in a message takes: a header with four ten-byte integers, an id and a flag.
inline constexpr std::size_t kResponseOverhead = 64;

// Encodes a WatchResponse that carries `events`. Small records are copied, large ones referenced.
EncodedMessage EncodeEvents(const WatchHeader& header, std::int64_t watch_id, Piece piece,
                            std::span<const ChosenEvent> events);

// Keeps `charge` as long as the message is kept: until it was written to the client.
void Attach(ByteCharge charge, EncodedMessage& message);

}  // namespace cairn::kv
