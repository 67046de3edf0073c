#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <limits>
#include <vector>

#include "kv/model/revision.h"
#include "kv/store/reader.h"
#include "kv/watch/event_ring.h"
#include "kv/watch/response.h"
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

  Watcher* watcher = nullptr;
  Revision from = {};            // The watcher's cursor.
  bool behind = false;           // Of a watcher that does not keep up: the response may span many revisions.
  std::vector<Part> parts = {};  // From the ring, oldest first; empty: read the history.
  Revision searched = {};        // With parts: everything up to here is in them, or does not match.
};

struct SearchLimits {
  std::size_t revisions = 0;  // In one response.
  std::size_t bytes = 0;      // Then it ends after the revision that exceeds it.
};

// What the search found.
struct Found {
  ChosenEvents chosen = {};
  Revision last = {};  // Of the newest change chosen; without meaning if there is none.
  Revision next = {};  // Where the watcher goes on.
};

// Reads the store when the parts are empty or the watcher wants previous records. Compacted() when history
// below the cursor is gone. Never splits a revision.
absl::StatusOr<Found> Execute(const Search& search, Reader& reader, const SearchLimits& limits);

}  // namespace cairn::kv
