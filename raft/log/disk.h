#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::raft {

// One open file. Not thread-safe. After an error of WriteAt() or Sync() the file is unusable: what reached
// the disk is not known, and nobody guesses (a later fdatasync may report success for pages the kernel
// already dropped).
class File {
 public:
  virtual ~File() = default;

  // Writes all pieces one after the other, starting at `offset`. Not durable before Sync().
  virtual absl::Status WriteAt(std::uint64_t offset, std::span<const std::string_view> pieces) = 0;

  // Reads up to `length` bytes into `out` (replaced); fewer only at the end of the file.
  virtual absl::Status ReadAt(std::uint64_t offset, std::size_t length, std::string& out) const = 0;

  // fdatasync: the file's bytes, and as much metadata as reading them back needs.
  virtual absl::Status Sync() = 0;

  // Reserves and zeroes [0, size).
  virtual absl::Status Allocate(std::uint64_t size) = 0;

  virtual absl::Status Truncate(std::uint64_t size) = 0;
  [[nodiscard]] virtual absl::StatusOr<std::uint64_t> Size() const = 0;
  [[nodiscard]] virtual const std::string& name() const = 0;
};

struct OpenOptions {
  bool create = false;  // Create if missing; with exclusive, fail if present.
  bool exclusive = false;
  bool read_only = false;
};

// The file operations of the log, so that a simulated disk can stand in for a real one. Names are relative to
// the disk's directory and contain no slash.
class Disk {
 public:
  virtual ~Disk() = default;

  virtual absl::StatusOr<std::unique_ptr<File>> Open(std::string_view name, OpenOptions options) = 0;
  // Atomic; durable after SyncDirectory().
  virtual absl::Status Rename(std::string_view from, std::string_view to) = 0;
  virtual absl::Status Remove(std::string_view name) = 0;
  // Makes creations, renames and removals durable.
  virtual absl::Status SyncDirectory() = 0;
  // Sorted by name.
  [[nodiscard]] virtual absl::StatusOr<std::vector<std::string>> List() const = 0;
  [[nodiscard]] virtual absl::StatusOr<std::uint64_t> FreeBytes() const = 0;
};

}  // namespace cairn::raft
