#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "raft/log/posix_disk.h"
#include "tests/sim/sim_disk.h"

namespace cairn::raft {

// A directory that goes with its owner.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

enum class DiskKind { kSim, kPosix };

// A disk of either kind; what holds for both is tested on both.
class TestDisk {
 public:
  explicit TestDisk(DiskKind kind);
  Disk& operator*() { return *disk_; }
  Disk* operator->() { return disk_.get(); }

 private:
  std::unique_ptr<TemporaryDirectory> directory_;
  std::unique_ptr<Disk> disk_;
};

}  // namespace cairn::raft
