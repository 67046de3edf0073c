#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>

#include "raft/log/disk.h"
#include "raft/log/format.h"
#include "raft/log/record_writer.h"
#include "raft/log/recovery.h"

namespace cairn::raft {

// The segment that is written to. After an error it is unusable: what reached the disk is not known. Not
// thread-safe; the disk must outlive it.
class Segment {
 public:
  // Makes the file `spare` the segment of `header`. When OK is returned, name and header are durable, so that
  // a batch may rely on both.
  static absl::StatusOr<std::unique_ptr<Segment>> Begin(Disk& disk, const std::string& spare,
                                                        const SegmentHeader& header);

  // Goes on with a recovered segment at `end`, and makes what was found before it durable: whoever was killed
  // between a write and its sync left it to us. A sync alone is not enough for the last batch: if it failed
  // once, the system may show the batch and never write it. With `clear_tail` the rest is zeroed first, so
  // that nothing of a batch that was cut can come back.
  struct Recovered {
    Generation generation;
    std::uint64_t end = 0;
    bool clear_tail = false;
    Recovery::LastBatch last_batch;
  };
  static absl::StatusOr<std::unique_ptr<Segment>> Continue(Disk& disk, const Recovered& recovered);

  // One write and one sync. REQUIRES: batch.frame_bytes() <= room().
  absl::Status Append(RecordWriter& batch, BatchNumber number);

  // Says behind the last batch that it was synced. Not synced itself: it costs nothing, and survives a
  // process that is killed. `next` is the number of the batch to come, which overwrites it.
  absl::Status WriteMark(BatchNumber next);

  [[nodiscard]] std::uint64_t room() const { return bytes_ - end_; }
  [[nodiscard]] std::uint64_t end() const { return end_; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  Segment(std::unique_ptr<File> file, Generation generation, std::uint64_t end, std::uint64_t bytes)
      : file_(std::move(file)), generation_(generation), end_(end), bytes_(bytes) {}

  std::unique_ptr<File> file_;
  Generation generation_;
  std::uint64_t end_;  // Of the last frame. Invariant: a multiple of kFrameAlignment, at most bytes_.
  std::uint64_t bytes_;
  bool marked_ = false;
};

}  // namespace cairn::raft
