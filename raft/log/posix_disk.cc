#include "raft/log/posix_disk.h"

#include <absl/strings/string_view.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "raft/base/assert.h"
#include "raft/base/status.h"

namespace cairn::raft {
namespace {

absl::Status SystemError(int error, std::string_view call, std::string_view path) {
  const std::string what = fmt::format("{} {}", call, path);
  return absl::ErrnoToStatus(error, absl::string_view(what.data(), what.size()));
}

// Calls `call` until a signal does not interrupt it.
template <typename Call>
auto Retrying(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

class PosixFile final : public File {
 public:
  PosixFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  ~PosixFile() override { ::close(fd_); }
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;

  absl::Status WriteAt(std::uint64_t offset, std::span<const std::string_view> pieces) override;
  absl::Status ReadAt(std::uint64_t offset, std::size_t length, std::string& out) const override;
  absl::Status Sync() override;
  absl::Status Allocate(std::uint64_t size) override;
  absl::Status Truncate(std::uint64_t size) override;
  [[nodiscard]] absl::StatusOr<std::uint64_t> Size() const override;
  [[nodiscard]] const std::string& name() const override { return path_; }

 private:
  absl::Status WriteFully(std::uint64_t offset, std::span<iovec> vectors);

  std::string path_;
  int fd_;
};

absl::Status PosixFile::WriteAt(std::uint64_t offset, std::span<const std::string_view> pieces) {
  std::array<iovec, 256> vectors;  // Fewer than IOV_MAX; a batch of small entries arrives as one piece.
  static_assert(std::tuple_size_v<decltype(vectors)> <= IOV_MAX);
  while (!pieces.empty()) {
    const std::size_t count = std::min(pieces.size(), vectors.size());
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < count; ++i) {
      vectors[i] = {.iov_base = const_cast<char*>(pieces[i].data()), .iov_len = pieces[i].size()};
      bytes += pieces[i].size();
    }
    CAIRN_RETURN_IF_ERROR(WriteFully(offset, std::span(vectors).first(count)));
    offset += bytes;
    pieces = pieces.subspan(count);
  }
  return absl::OkStatus();
}

// The kernel may take less than it was given (a signal, a nearly full disk); the rest is offered again, and
// then the error shows.
absl::Status PosixFile::WriteFully(std::uint64_t offset, std::span<iovec> vectors) {
  while (!vectors.empty()) {
    const ssize_t written = Retrying([&] {
      return ::pwritev(fd_, vectors.data(), static_cast<int>(vectors.size()), static_cast<off_t>(offset));
    });
    if (written < 0) return SystemError(errno, "pwritev", path_);
    auto rest = static_cast<std::size_t>(written);
    offset += rest;
    while (!vectors.empty() && rest >= vectors.front().iov_len) {
      rest -= vectors.front().iov_len;
      vectors = vectors.subspan(1);
    }
    if (vectors.empty()) break;
    if (written == 0) return SystemError(EIO, "pwritev (nothing taken)", path_);
    vectors.front().iov_base = static_cast<char*>(vectors.front().iov_base) + rest;
    vectors.front().iov_len -= rest;
  }
  return absl::OkStatus();
}

absl::Status PosixFile::ReadAt(std::uint64_t offset, std::size_t length, std::string& out) const {
  CAIRN_ASSIGN_OR_RETURN(const std::uint64_t size, Size());
  const std::uint64_t available = offset < size ? size - offset : 0;
  out.resize(static_cast<std::size_t>(std::min<std::uint64_t>(length, available)));
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t got = Retrying([&] {
      return ::pread(fd_, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    });
    if (got < 0) return SystemError(errno, "pread", path_);
    if (got == 0) break;  // Somebody cut the file meanwhile; what is missing is the caller's to judge.
    done += static_cast<std::size_t>(got);
  }
  out.resize(done);
  return absl::OkStatus();
}

absl::Status PosixFile::Sync() {
  if (Retrying([&] { return ::fdatasync(fd_); }) < 0) return SystemError(errno, "fdatasync", path_);
  return absl::OkStatus();
}

absl::Status PosixFile::Allocate(std::uint64_t size) {
  // First the space as a whole, so that it is contiguous and a full disk shows before anything is written...
  const int error = ::posix_fallocate(fd_, 0, static_cast<off_t>(size));
  if (error != 0 && error != EOPNOTSUPP && error != EINVAL) {
    return SystemError(error, "posix_fallocate", path_);
  }
  // ...then real zeroes: a block that was only reserved costs a journal entry at the first fdatasync after it
  // is written, which is what preallocation is to avoid.
  const std::string zeroes(1 << 20, '\0');
  for (std::uint64_t offset = 0; offset < size; offset += zeroes.size()) {
    const std::string_view piece = std::string_view(zeroes).substr(
        0, static_cast<std::size_t>(std::min<std::uint64_t>(zeroes.size(), size - offset)));
    CAIRN_RETURN_IF_ERROR(WriteAt(offset, {&piece, 1}));
  }
  return absl::OkStatus();
}

absl::Status PosixFile::Truncate(std::uint64_t size) {
  if (Retrying([&] { return ::ftruncate(fd_, static_cast<off_t>(size)); }) < 0) {
    return SystemError(errno, "ftruncate", path_);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::uint64_t> PosixFile::Size() const {
  struct stat found = {};
  if (::fstat(fd_, &found) < 0) return SystemError(errno, "fstat", path_);
  return static_cast<std::uint64_t>(found.st_size);
}

std::string WithoutSlash(std::string directory) {
  while (directory.size() > 1 && directory.back() == '/') directory.pop_back();
  return directory;
}

absl::Status SyncParentOf(const std::string& directory) {
  const std::filesystem::path path(directory);
  const std::string parent = path.has_parent_path() ? path.parent_path().string() : ".";
  const int fd = ::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return SystemError(errno, "open", parent);
  const int result = ::fsync(fd);
  const int error = errno;
  ::close(fd);
  return result < 0 ? SystemError(error, "fsync", parent) : absl::OkStatus();
}

}  // namespace

absl::Status MakeDirectories(const std::string& directory) {
  for (std::size_t end = 0; end < directory.size();) {
    end = std::min(directory.find('/', end + 1), directory.size());
    const std::string prefix = directory.substr(0, end);
    std::error_code ignored;  // Then mkdir says what is wrong.
    if (std::filesystem::is_directory(prefix, ignored)) continue;
    if (::mkdir(prefix.c_str(), 0700) < 0) {
      // Another process may have been faster, or it is a file.
      if (errno == EEXIST && std::filesystem::is_directory(prefix, ignored)) continue;
      return SystemError(errno, "mkdir", prefix);
    }
    CAIRN_RETURN_IF_ERROR(SyncParentOf(prefix));
  }
  // Where we may not even look into the parent, somebody else made it.
  const absl::Status synced = SyncParentOf(WithoutSlash(directory));
  return absl::IsPermissionDenied(synced) ? absl::OkStatus() : synced;
}

absl::StatusOr<std::unique_ptr<PosixDisk>> PosixDisk::Open(std::string directory) {
  directory = WithoutSlash(std::move(directory));
  CAIRN_RETURN_IF_ERROR(MakeDirectories(directory));
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return SystemError(errno, "open", directory);
  return std::unique_ptr<PosixDisk>(new PosixDisk(std::move(directory), fd));
}

PosixDisk::~PosixDisk() { ::close(fd_); }

std::string PosixDisk::PathOf(std::string_view name) const { return fmt::format("{}/{}", directory_, name); }

absl::StatusOr<std::unique_ptr<File>> PosixDisk::Open(std::string_view name, OpenOptions options) {
  CAIRN_ASSERT(name.find('/') == std::string_view::npos, "name={}", name);
  const int flags = (options.read_only ? O_RDONLY : O_RDWR) | (options.create ? O_CREAT : 0) |
                    (options.exclusive ? O_EXCL : 0) | O_CLOEXEC;
  const std::string name_copy(name);
  const int fd = Retrying([&] { return ::openat(fd_, name_copy.c_str(), flags, 0600); });
  if (fd < 0) return SystemError(errno, "open", PathOf(name));
  return std::make_unique<PosixFile>(PathOf(name), fd);
}

absl::Status PosixDisk::Rename(std::string_view from, std::string_view to) {
  if (::renameat(fd_, std::string(from).c_str(), fd_, std::string(to).c_str()) < 0) {
    return SystemError(errno, fmt::format("rename to {} of", to), PathOf(from));
  }
  return absl::OkStatus();
}

absl::Status PosixDisk::Remove(std::string_view name) {
  if (::unlinkat(fd_, std::string(name).c_str(), 0) < 0) return SystemError(errno, "unlink", PathOf(name));
  return absl::OkStatus();
}

absl::Status PosixDisk::SyncDirectory() {
  if (Retrying([&] { return ::fsync(fd_); }) < 0) return SystemError(errno, "fsync", directory_);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> PosixDisk::List() const {
  std::vector<std::string> names;
  std::error_code error;
  std::filesystem::directory_iterator entry(directory_, error);
  while (!error && entry != std::filesystem::directory_iterator()) {
    names.push_back(entry->path().filename().string());
    entry.increment(error);
  }
  if (error) return SystemError(error.value(), "readdir", directory_);
  std::sort(names.begin(), names.end());
  return names;
}

absl::StatusOr<std::uint64_t> PosixDisk::FreeBytes() const {
  struct statvfs found = {};
  if (::fstatvfs(fd_, &found) < 0) return SystemError(errno, "fstatvfs", directory_);
  return static_cast<std::uint64_t>(found.f_bavail) * found.f_frsize;
}

}  // namespace cairn::raft
