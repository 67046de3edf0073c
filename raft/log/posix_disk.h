#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "raft/log/disk.h"

namespace cairn::raft {

// Makes `directory` and those above it, as far as they are missing, each one durably: a directory that a
// power loss takes away takes everything in it. `directory` is synced into its parent though it was there:
// whoever made it may have been killed before that. Error: with the path and the system's words.
absl::Status MakeDirectories(const std::string& directory);

// A directory of a real file system. Errors carry the path and the system's words, with the code that belongs
// to the errno (a full disk is ResourceExhausted).
//
// Thread-safe between different files; one file has one user, as File says.
class PosixDisk final : public Disk {
 public:
  // Makes the directory first, as MakeDirectories() does.
  static absl::StatusOr<std::unique_ptr<PosixDisk>> Open(std::string directory);
  ~PosixDisk() override;

  PosixDisk(const PosixDisk&) = delete;
  PosixDisk& operator=(const PosixDisk&) = delete;

  absl::StatusOr<std::unique_ptr<File>> Open(std::string_view name, OpenOptions options) override;
  absl::Status Rename(std::string_view from, std::string_view to) override;
  absl::Status Remove(std::string_view name) override;
  absl::Status SyncDirectory() override;
  [[nodiscard]] absl::StatusOr<std::vector<std::string>> List() const override;
  [[nodiscard]] absl::StatusOr<std::uint64_t> FreeBytes() const override;

 private:
  PosixDisk(std::string directory, int fd) : directory_(std::move(directory)), fd_(fd) {}

  [[nodiscard]] std::string PathOf(std::string_view name) const;

  std::string directory_;
  int fd_;  // Of the directory: names are resolved against it, so that renaming the directory does no harm.
};

}  // namespace cairn::raft
