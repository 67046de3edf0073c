#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
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

  // `tick` is that of now.
  void Write(WriteNumber core_write, std::optional<HardState> hard_state, std::vector<Entry> entries,
             std::uint64_t tick);
  void Reset(SnapshotMeta installed, std::uint64_t tick);

  // `envelopes` vouch for the core's writes up to `core_write`. They come out of Persisted(), or at once if
  // that is durable already.
  [[nodiscard]] std::vector<Envelope> HoldUntil(WriteNumber core_write, std::vector<Envelope> envelopes);

  // Everything up to the port's `number` is durable. `tick` is that of now.
  struct Done {
    std::optional<WriteNumber> core_write;  // The last of the core's writes among it.
    std::optional<SnapshotMeta> installed;  // A reset among it.
    std::vector<Envelope> released;
  };
  [[nodiscard]] Done Persisted(WriteNumber number, std::uint64_t tick);

  // What was handed to the port and is not durable: about what it holds in memory.
  [[nodiscard]] std::size_t unpersisted_bytes() const { return unpersisted_bytes_; }
  // The tick since which the disk has the oldest unanswered task, or owes the first answer after the last
  // one; nothing if all are answered. A long queue that moves is no disk that hangs.
  [[nodiscard]] std::optional<std::uint64_t> waits_since() const {
    return tasks_.empty() ? std::nullopt : std::optional(std::max(tasks_.front().since, answered_));
  }

 private:
  // Legal combinations: exactly one of the first two is set.
  struct Task {
    std::optional<WriteNumber> core_write;
    std::optional<SnapshotMeta> installed;
    std::size_t bytes = 0;
    std::uint64_t since = 0;  // The tick.
  };
  struct Held {
    WriteNumber until;
    std::vector<Envelope> envelopes;
  };

  LogPort& port_;
  std::deque<Task> tasks_;             // Not answered yet; the last one has the number last_task_.
  WriteNumber last_task_;              // The port's.
  WriteNumber persisted_;              // The core's.
  std::uint64_t answered_ = 0;         // The tick of the last answer.
  std::size_t unpersisted_bytes_ = 0;  // Sum over tasks_.
  std::deque<Held> held_;              // In rising order of `until`.
};

}  // namespace cairn::raft
