#include "raft/log/spare_pool.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "raft/base/probe.h"
#include "raft/base/status.h"
#include "raft/log/format.h"

namespace cairn::raft {

absl::StatusOr<SparePool> SparePool::Open(Disk& disk, std::uint64_t segment_bytes, int target) {
  SparePool pool(disk, segment_bytes, target);
  CAIRN_ASSIGN_OR_RETURN(const std::vector<std::string> names, disk.List());
  for (const std::string& name : names) {
    const std::optional<std::uint64_t> number = SpareNumberOf(name);
    if (!number) continue;
    pool.next_number_ = std::max(pool.next_number_, *number + 1);
    std::uint64_t size = 0;
    {
      CAIRN_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, disk.Open(name, {.read_only = true}));
      CAIRN_ASSIGN_OR_RETURN(size, file->Size());
    }
    if (size == segment_bytes && pool.ready_.size() < pool.target_) {
      pool.ready_.push_back(name);
    } else {
      CAIRN_RETURN_IF_ERROR(disk.Remove(name));
    }
  }
  return pool;
}

std::string SparePool::NewName() { return SpareName(next_number_++); }

absl::StatusOr<std::string> SparePool::Take(std::uint64_t bytes) {
  if (bytes <= segment_bytes_) {
    if (ready_.empty() && unfinished_ != nullptr) {
      while (unfinished_ != nullptr) CAIRN_RETURN_IF_ERROR(ZeroSlice());
    }
    if (!ready_.empty()) {
      std::string name = std::move(ready_.front());
      ready_.pop_front();
      return name;
    }
  }
  CAIRN_PROBE("log_segment_without_spare");
  std::string name = NewName();
  CAIRN_ASSIGN_OR_RETURN(const std::unique_ptr<File> file,
                         disk_->Open(name, {.create = true, .exclusive = true}));
  CAIRN_RETURN_IF_ERROR(file->Allocate(std::max(bytes, segment_bytes_)));
  return name;
}

absl::Status SparePool::Recycle(const std::string& name, std::uint64_t bytes) {
  if (bytes != segment_bytes_ || ready_.size() >= target_) return disk_->Remove(name);
  std::string spare = NewName();
  CAIRN_RETURN_IF_ERROR(disk_->Rename(name, spare));
  ready_.push_back(std::move(spare));
  return absl::OkStatus();
}

absl::Status SparePool::PrepareSlice() {
  if (unfinished_ == nullptr) {
    if (ready_.size() >= target_) return absl::OkStatus();
    // Twice the size: a spare is a reserve against a full disk, not what fills it.
    CAIRN_ASSIGN_OR_RETURN(const std::uint64_t free, disk_->FreeBytes());
    if (free < 2 * segment_bytes_) return absl::OkStatus();
    std::string name = NewName();
    absl::StatusOr<std::unique_ptr<File>> file = disk_->Open(name, {.create = true, .exclusive = true});
    // No inode, or no room for the name.
    if (absl::IsResourceExhausted(file.status())) {
      CAIRN_PROBE("log_spare_given_up_on_full_disk");
      return absl::OkStatus();
    }
    CAIRN_RETURN_IF_ERROR(file.status());
    unfinished_ = std::make_unique<Unfinished>(Unfinished{std::move(name), *std::move(file)});
  }
  absl::Status status = ZeroSlice();
  if (absl::IsResourceExhausted(status)) {
    CAIRN_PROBE("log_spare_given_up_on_full_disk");
    const std::string name = unfinished_->name;
    unfinished_.reset();
    return disk_->Remove(name);
  }
  return status;
}

absl::Status SparePool::ZeroSlice() {
  static const std::string zeroes(kSliceBytes, '\0');
  const std::string_view slice = std::string_view(zeroes).substr(
      0, static_cast<std::size_t>(std::min(kSliceBytes, segment_bytes_ - unfinished_->zeroed)));
  CAIRN_RETURN_IF_ERROR(unfinished_->file->WriteAt(unfinished_->zeroed, {&slice, 1}));
  // Slice by slice, so that the first batch in the new segment does not pay for all of it.
  CAIRN_RETURN_IF_ERROR(unfinished_->file->Sync());
  unfinished_->zeroed += slice.size();
  if (unfinished_->zeroed == segment_bytes_) {
    ready_.push_back(std::move(unfinished_->name));
    unfinished_.reset();
  }
  return absl::OkStatus();
}

std::uint64_t SparePool::bytes() const {
  return ready_.size() * segment_bytes_ + (unfinished_ == nullptr ? 0 : unfinished_->zeroed);
}

}  // namespace cairn::raft
