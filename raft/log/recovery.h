#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "raft/log/disk.h"
#include "raft/log/format.h"
#include "raft/log/segmented_log.h"

namespace cairn::raft {

// A segment in force.
struct SegmentInfo {
  Generation generation;
  std::uint64_t bytes = 0;  // Of the file.
  // No entry behind this one is in this segment and still in force. Truncations in later segments lower it.
  Index last;
};

// What was found, and what has to be done before the log is written again.
struct Recovery {
  LogContents contents;
  std::vector<SegmentInfo> segments;  // Oldest first; empty: there is no log yet.
  // Older than the last reset; may be recycled.
  std::vector<SegmentInfo> void_segments;
  // Of the last segment: where the next batch goes, and its number.
  std::uint64_t end = 0;
  BatchNumber next_batch;
  bool clear_tail = false;  // What stands behind `end` is not zero there.
  // Of the last segment, as it was read and believed: its last batch and what says that it is the last one.
  // Empty if there is no batch, or if a mark says that it was synced.
  struct LastBatch {
    std::uint64_t offset = 0;
    std::string bytes;
  };
  LastBatch last_batch;
};

// Reads and checks the whole log; changes nothing. Corruption() with file and offset for what a torn last
// batch cannot explain.
absl::StatusOr<Recovery> Recover(Disk& disk);

}  // namespace cairn::raft
