#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "raft/base/types.h"
#include "raft/core/message.h"
#include "raft/replica/ports.h"

namespace cairn::raft {

// What the log was asked for and has not answered, and the messages that wait for it.
//
// The core numbers its writes; resets after an installed snapshot come between them. The log port sees one
// sequence of both, with numbers of its own. Not thread-safe; owned by Replica.
class LogQueue {
 public:
  explicit LogQueue(LogPort& port) : port_(port) {}

  void Write(WriteNumber core_write, std::optional<HardState> hard_state, std::vector<Entry> entries);
  void Reset(SnapshotMeta installed);

  // `envelopes` vouch for the core's writes up to `core_write`. They come out of Persisted(), or at once if
  // that is durable already.
  [[nodiscard]] std::vector<Envelope> HoldUntil(WriteNumber core_write, std::vector<Envelope> envelopes);

  // Everything up to the port's `number` is durable.
  struct Done {
    std::optional<WriteNumber> core_write;  // The last of the core's writes among it.
    std::optional<SnapshotMeta> installed;  // A reset among it.
    std::vector<Envelope> released;
  };
  [[nodiscard]] Done Persisted(WriteNumber number);

 private:
  // Legal combinations: exactly one of the two is set.
  struct Task {
    std::optional<WriteNumber> core_write;
    std::optional<SnapshotMeta> installed;
  };
  struct Held {
    WriteNumber until;
    std::vector<Envelope> envelopes;
  };

  LogPort& port_;
  std::deque<Task> tasks_;  // Not answered yet; the last one has the number last_task_.
  WriteNumber last_task_;   // The port's.
  WriteNumber persisted_;   // The core's.
  std::deque<Held> held_;   // In rising order of `until`.
};

}  // namespace cairn::raft
