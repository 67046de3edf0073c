#pragma once

// This file is a draft of the contract: names and meanings are fixed, private parts are the implementer's.

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "raft/base/types.h"
#include "raft/core/entry.h"
#include "raft/log/disk.h"

namespace cairn::raft {

// One write that a core asked for. Entries replace the log from entries.front().id.index on.
struct LogWrite {
  WriteNumber number;
  std::optional<HardState> hard_state;
  std::vector<Entry> entries;
};

struct LogOptions {
  std::uint64_t segment_bytes =
      64 << 20;            // Of one preallocated segment file; a larger batch gets a segment of its own.
  int spare_segments = 1;  // Kept zero-filled ahead, or recycled; also the disk-full reserve.
};

// What recovery found.
struct LogContents {
  HardState hard_state;
  EntryId base;  // What stands before `entries`; {0, 0} for a new log.
  std::vector<Entry> entries;
  std::optional<std::string> cut_tail;  // A sentence for the log if a torn tail was cut: file, offset, bytes.
};

// The durable log: segments of framed, checksummed batches (format: raft/log/README.md). Group commit is the
// caller's choice: one call of Write() is one batch, one writev and one fdatasync, however many writes it
// carries.
//
// Not thread-safe; owned by the log writer's thread. After an error the log is unusable and every call
// returns the same status.
class SegmentedLog {
 public:
  struct Opened;

  // Recovers what is there, or begins a new log. Corruption() for damage that a torn tail cannot explain.
  static absl::StatusOr<Opened> Open(Disk& disk, const LogOptions& options);
  ~SegmentedLog();

  // Durable when OK is returned. REQUIRES: entries leave no gap.
  absl::Status Write(std::span<const LogWrite> writes);

  // Entries up to `index` are no longer needed; whole segments are recycled or removed. Keeps later entries
  // and the hard state. REQUIRES: index <= last index.
  absl::Status ReleaseUpTo(Index index);

  // Forgets all entries; the log goes on after `base` (a snapshot was installed, or the store is ahead).
  // Keeps the hard state. Durable when OK is returned.
  absl::Status Reset(EntryId base);

  // Prepares spare segments; does I/O. To be called when idle, from the owner's thread.
  absl::Status PrepareSpares();

  [[nodiscard]] std::uint64_t bytes_on_disk() const;

 private:
  struct State;
  explicit SegmentedLog(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

struct SegmentedLog::Opened {
  std::unique_ptr<SegmentedLog> log;
  LogContents contents;
};

}  // namespace cairn::raft
