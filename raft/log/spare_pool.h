#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "raft/log/disk.h"

namespace cairn::raft {

// Files that wait to become segments: zero-filled ahead a slice at a time, or used before and recycled. Their
// content means nothing, so nothing here needs to be durable; only a recycled file may not be written before
// the directory knows its new name, see Recycle(). Not thread-safe; the disk must outlive it.
class SparePool {
 public:
  // Adopts the spares that are there and removes the unfinished. REQUIRES: the directory was synced since its
  // last change, or a power loss could give a spare its old name back after it was overwritten.
  static absl::StatusOr<SparePool> Open(Disk& disk, std::uint64_t segment_bytes, int target);

  // The name of a file with at least `bytes`. No longer in the pool.
  absl::StatusOr<std::string> Take(std::uint64_t bytes);

  // Makes the file `name` a spare, or removes it if there are enough or its size is not that of the others.
  // The caller syncs the directory before it calls Take() again.
  absl::Status Recycle(const std::string& name, std::uint64_t bytes);

  // Zero-fills one slice more if spares are missing. A disk without room for a spare is not an error: then
  // there is none, and the next call looks again.
  absl::Status PrepareSlice();

  [[nodiscard]] std::uint64_t bytes() const;

 private:
  static constexpr std::uint64_t kSliceBytes = 1 << 20;  // What a write that comes meanwhile has to wait for.

  struct Unfinished {
    std::string name;
    std::unique_ptr<File> file;
    std::uint64_t zeroed = 0;
  };

  SparePool(Disk& disk, std::uint64_t segment_bytes, int target)
      : disk_(&disk), segment_bytes_(segment_bytes), target_(static_cast<std::size_t>(target)) {}
  std::string NewName();
  absl::Status ZeroSlice();

  Disk* disk_;
  std::uint64_t segment_bytes_;
  std::size_t target_;
  std::uint64_t next_number_ = 1;
  std::deque<std::string> ready_;  // Each of segment_bytes_.
  std::unique_ptr<Unfinished> unfinished_;
};

}  // namespace cairn::raft
