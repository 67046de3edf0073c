#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <limits>
#include <vector>

#include "kv/model/revision.h"
#include "kv/store/reader.h"
#include "kv/watch/draft.h"
#include "kv/watch/event_ring.h"
#include "kv/watch/watcher.h"

namespace cairn::kv {

// What a watcher's next response is looked for in. Made under the hub's lock, searched without it.
struct Search {
  // Part of a revision that may match.
  struct Part {
    SlotRef slot;
    std::size_t first = 0;
    std::size_t last = std::numeric_limits<std::size_t>::max();  // Inclusive.
  };

  RevisionId from = {};
  std::vector<Part> parts = {};  // From the ring, oldest first; empty: read the history.
  RevisionId end = {};           // With parts: everything below is in them, or does not match.
};

struct SearchLimits {
  std::size_t revisions = 0;       // In one response.
  std::size_t bytes = 0;           // Then it ends after the revision that exceeds it.
  std::size_t piece_bytes = 0;     // Of one piece, and about what is brought in one turn.
  std::size_t response_bytes = 0;  // Held at most for a response that must be whole.
};

enum class Step : std::uint8_t {
  kComplete,    // The response, or its last piece, can be sent, or there is none; the watcher goes on at
                // next().
  kPiece,       // A piece is full, and more of its revision follows.
  kUnfinished,  // To be extended again: it must not end inside a revision.
};

// Looks for what comes next in a response: one turn, bounded in what it reads. Reads the store when the
// search has no parts or the watcher wants previous records. Compacted() when the history at the draft's
// place is gone; ResourceExhausted, with a sentence for the client, when the response cannot be whole.
absl::StatusOr<Step> Extend(Draft& draft, const Search& search, Reader& reader, const SearchLimits& limits);

}  // namespace cairn::kv
