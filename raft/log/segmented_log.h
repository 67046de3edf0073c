#pragma once

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
  // Of one preallocated segment file, rounded up to 4 KiB; at least 8 KiB. A larger batch gets a segment of
  // its own.
  std::uint64_t segment_bytes = 64 << 20;
  int spare_segments = 1;  // Kept zero-filled ahead, or recycled; also the disk-full reserve.
  // There was a log in this directory: that it is gone is a loss of votes and entries, and no reason to begin
  // one.
  bool must_exist = false;
};

// What recovery found. The payloads keep the buffers alive that their segments were read into.
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

  // Recovers what is there, or begins a new log; what it returns is durable. Corruption() for damage that a
  // torn tail cannot explain, NotFound for a log that must exist and does not, and then nothing was changed.
  // The disk must outlive the log.
  static absl::StatusOr<Opened> Open(Disk& disk, const LogOptions& options);
  ~SegmentedLog();

  // Durable when OK is returned, all of them; after a crash on the way, all or none. REQUIRES: entries leave
  // no gap, and do not replace what was released.
  absl::Status Write(std::span<const LogWrite> writes);

  // Entries up to `index` are no longer needed; whole segments are recycled or removed. Keeps later entries
  // and the hard state. REQUIRES: index <= last index.
  absl::Status ReleaseUpTo(Index index);

  // Forgets all entries; the log goes on after `base` (a snapshot was installed, or the store is ahead).
  // Keeps the hard state. Durable when OK is returned.
  absl::Status Reset(EntryId base);

  // To be called whenever idle, from the owner's thread. Does I/O, one small step a call (at most 1 MiB):
  // marks the last batch as synced, so that damage to it is told from a torn tail (docs/adr/0002-own-log.md),
  // and prepares spare segments. A disk too full for a spare is not an error.
  absl::Status PrepareSpares();

  // Of all segments and spares.
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
