#include "kv/store/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <limits>
#include <system_error>

#include "raft/base/status.h"

namespace cairn::kv::files {
namespace {

absl::Status Failed(std::string_view doing, const std::string& path) {
  const int error = errno;
  const std::string text = fmt::format("{} {}: {}", doing, path, std::generic_category().message(error));
  if (error == ENOENT) return absl::NotFoundError(text);
  if (error == ENOSPC || error == EDQUOT) return absl::ResourceExhaustedError(text);
  return absl::InternalError(text);
}

// Closes what it opened. An error of close() after a successful sync says nothing more.
class Descriptor {
 public:
  Descriptor(const std::string& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0644)) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] bool ok() const { return fd_ >= 0; }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

std::atomic<Observer*> observer_of_all = nullptr;

}  // namespace

void SetObserver(Observer* observer) { observer_of_all.store(observer); }

absl::Status Observe(std::string_view operation, const std::string& path) {
  Observer* const observer = observer_of_all.load();
  return observer == nullptr ? absl::OkStatus() : observer->Before(operation, path);
}

absl::Status ReadAt(const std::string& path, std::uint64_t offset, std::size_t length, std::string& out) {
  out.clear();
  const Descriptor file(path, O_RDONLY);
  if (!file.ok()) return Failed("cannot open", path);
  out.resize(length);
  std::size_t done = 0;
  while (done < length) {
    const ssize_t got =
        ::pread(file.get(), out.data() + done, length - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Failed("cannot read", path);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  out.resize(done);
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadAll(const std::string& path) {
  CAIRN_ASSIGN_OR_RETURN(const std::uint64_t size, Size(path));
  std::string out;
  CAIRN_RETURN_IF_ERROR(ReadAt(path, 0, size, out));
  return out;
}

absl::Status Append(const std::string& path, std::string_view bytes) {
  CAIRN_RETURN_IF_ERROR(Observe("append", path));
  const Descriptor file(path, O_WRONLY | O_CREAT | O_APPEND);
  if (!file.ok()) return Failed("cannot open", path);
  while (!bytes.empty()) {
    const ssize_t put = ::write(file.get(), bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return Failed("cannot write", path);
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return absl::OkStatus();
}

absl::Status Truncate(const std::string& path, std::uint64_t size) {
  CAIRN_RETURN_IF_ERROR(Observe("truncate", path));
  if (::truncate(path.c_str(), static_cast<off_t>(size)) != 0) return Failed("cannot truncate", path);
  return absl::OkStatus();
}

absl::Status Sync(const std::string& path) {
  CAIRN_RETURN_IF_ERROR(Observe("sync", path));
  const Descriptor file(path, O_RDONLY);
  if (!file.ok()) return Failed("cannot open", path);
  if (::fsync(file.get()) != 0) return Failed("cannot sync", path);
  return absl::OkStatus();
}

absl::Status Rename(const std::string& from, const std::string& to) {
  CAIRN_RETURN_IF_ERROR(Observe("rename", to));
  if (::rename(from.c_str(), to.c_str()) != 0) return Failed("cannot rename to", to);
  return absl::OkStatus();
}

absl::Status Replace(const std::string& directory, const std::string& name, std::string_view content) {
  const std::string fresh = directory + "/" + name + ".new";
  RemoveTree(fresh);
  CAIRN_RETURN_IF_ERROR(Append(fresh, content));
  CAIRN_RETURN_IF_ERROR(Sync(fresh));
  CAIRN_RETURN_IF_ERROR(Rename(fresh, directory + "/" + name));
  return Sync(directory);
}

absl::Status MakeDirectory(const std::string& path) {
  CAIRN_RETURN_IF_ERROR(Observe("make", path));
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return absl::InternalError(fmt::format("cannot make {}: {}", path, error.message()));
  return absl::OkStatus();
}

void RemoveTree(const std::string& path) {
  if (!Observe("remove", path).ok()) return;
  std::error_code ignored;  // Best effort: what stays is removed at the next opening.
  std::filesystem::remove_all(path, ignored);
}

absl::StatusOr<std::uint64_t> Size(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return Failed("cannot look at", path);
  return static_cast<std::uint64_t>(info.st_size);
}

absl::StatusOr<std::uint64_t> FreeBytes(const std::string& path) {
  std::error_code error;
  const std::filesystem::space_info space = std::filesystem::space(path, error);
  if (error) return absl::InternalError(fmt::format("cannot measure {}: {}", path, error.message()));
  return space.available;
}

}  // namespace cairn::kv::files
