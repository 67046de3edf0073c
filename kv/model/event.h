#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kv/model/range.h"
#include "kv/model/revision.h"
#include "raft/base/payload.h"

namespace cairn::kv {

// One change as the store keeps it and as watchers see it. `record` is a wire-encoded mvccpb.KeyValue, made
// once at apply and shared by the store's batch, the event ring and every watcher; for a deletion it holds
// key and mod_revision only.
struct Event {
  RevisionId id;
  bool deletion = false;
  Payload record;
  std::string_view key;  // Inside `record`.
  std::optional<RevisionId>
      previous;  // The live version this change replaced; nothing if it created the key.
};

// All changes of one revision, in the order of execution. Immutable once published.
//
// A revision too large to be handed on in memory is published without them: not complete, `events` empty. Who
// wants them reads the history.
struct RevisionEvents {
  Revision revision;
  std::vector<Event> events;
  bool complete = true;
  // If not complete: every key changed is in here; nothing: they may be anywhere.
  std::optional<KeyRange> within = {};
};

}  // namespace cairn::kv
