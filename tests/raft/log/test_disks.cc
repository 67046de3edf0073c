#include "tests/raft/log/test_disks.h"

#include <cstdlib>

#include "raft/base/assert.h"

namespace cairn::raft {

TemporaryDirectory::TemporaryDirectory() {
  std::string name = (std::filesystem::temp_directory_path() / "cairn-log-XXXXXX").string();
  CAIRN_ASSERT(::mkdtemp(name.data()) != nullptr, "no temporary directory {}", name);
  path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;  // A directory left in /tmp fails no test.
  std::filesystem::remove_all(path_, ignored);
}

TestDisk::TestDisk(DiskKind kind) {
  if (kind == DiskKind::kSim) {
    disk_ = std::make_unique<SimDisk>();
    return;
  }
  directory_ = std::make_unique<TemporaryDirectory>();
  disk_ = PosixDisk::Open((directory_->path() / "log").string()).value();
}

}  // namespace cairn::raft
