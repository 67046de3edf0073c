#include "cmd/cairnd/claimed_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "cmd/cairnd/sealed_file.h"
#include "raft/base/status.h"
#include "raft/log/posix_disk.h"

namespace cairn::node {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kFormat = 1;
constexpr const char* kIdentityFile = "identity";
constexpr const char* kLockFile = "LOCK";

absl::Status SystemError(int error, const std::string& path, std::string_view doing) {
  const std::string message = fmt::format("{} {}: {}", doing, path, std::generic_category().message(error));
  switch (error) {
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(
          fmt::format("{}; the directory must belong to the user that runs cairnd", message));
    case ENOSPC:
    case EDQUOT:
      return absl::ResourceExhaustedError(fmt::format("{}; make room and start again", message));
    case EROFS:
      return absl::PermissionDeniedError(fmt::format("{}; cairnd has to write there", message));
    default:
      return absl::UnavailableError(message);
  }
}

// For an error of making a directory.
absl::Status Advise(const absl::Status& error, const std::string& path) {
  std::string_view advice;
  if (absl::IsPermissionDenied(error)) advice = "; it must be possible for the user that runs cairnd";
  if (absl::IsResourceExhausted(error)) advice = "; make room and start again";
  return {error.code(), fmt::format("cannot make {}: {}{}", path, MessageOf(error), advice)};
}

absl::StatusOr<int> Lock(const std::string& path, std::string_view flag) {
  const std::string name = path + "/" + kLockFile;
  const int lock = open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0) return SystemError(errno, name, "cannot open");
  if (flock(lock, LOCK_EX | LOCK_NB) == 0) return lock;
  const int error = errno;
  close(lock);
  if (error != EWOULDBLOCK) return SystemError(error, name, "cannot lock");
  return absl::FailedPreconditionError(fmt::format(
      "{} is in use by another cairnd; stop that one, or give this one a {} of its own", path, flag));
}

std::string Encode(const OwnerRecord& owner) {
  const Identity& identity = owner.identity;
  return fmt::format("format {}\ncluster {:016x}\nmember {:016x}\nincarnation {:016x}\nstate {}\n", kFormat,
                     identity.cluster.value(), identity.member.value(), identity.incarnation.value(),
                     owner.complete ? "complete" : "begun");
}

absl::StatusOr<OwnerRecord> Decode(std::string_view text, const std::string& path) {
  CAIRN_ASSIGN_OR_RETURN(std::string_view rest, FieldsOf(text, kFormat, path));
  std::uint64_t cluster = 0;
  std::uint64_t member = 0;
  std::uint64_t incarnation = 0;
  if (!TakeField(rest, "cluster", 16, cluster) || !TakeField(rest, "member", 16, member) ||
      !TakeField(rest, "incarnation", 16, incarnation)) {
    return Corruption(path, text.size() - rest.size(), "an id is missing");
  }
  return OwnerRecord{.identity = {.cluster = raft::ClusterId{cluster},
                                  .member = raft::NodeId{member},
                                  .incarnation = raft::Incarnation{incarnation}},
                     .complete = rest.starts_with("state complete\n")};
}

}  // namespace

absl::StatusOr<std::unique_ptr<ClaimedDirectory>> ClaimedDirectory::Open(const std::string& path,
                                                                         std::string_view flag) {
  if (const absl::Status made = raft::MakeDirectories(path); !made.ok()) return Advise(made, path);
  if (access(path.c_str(), R_OK | W_OK | X_OK) != 0) return SystemError(errno, path, "cannot use");
  CAIRN_ASSIGN_OR_RETURN(const int lock, Lock(path, flag));
  return std::unique_ptr<ClaimedDirectory>(new ClaimedDirectory(path, lock));
}

ClaimedDirectory::~ClaimedDirectory() { close(lock_); }

absl::StatusOr<std::optional<OwnerRecord>> ClaimedDirectory::ReadOwner() const {
  const std::string name = path_ + "/" + kIdentityFile;
  std::error_code error;
  if (!fs::exists(name, error)) return std::nullopt;
  CAIRN_ASSIGN_OR_RETURN(const std::unique_ptr<raft::PosixDisk> disk, raft::PosixDisk::Open(path_));
  CAIRN_ASSIGN_OR_RETURN(const std::string text, ReadSealed(*disk, kIdentityFile));
  return Decode(text, name);
}

absl::Status ClaimedDirectory::WriteOwner(const OwnerRecord& owner) const {
  CAIRN_ASSIGN_OR_RETURN(const std::unique_ptr<raft::PosixDisk> disk, raft::PosixDisk::Open(path_));
  return ReplaceSealed(*disk, kIdentityFile, Encode(owner));
}

bool ClaimedDirectory::HasContent(const std::string& path) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(path, error)) {
    const std::string name = entry.path().filename();
    if (name != kLockFile && name != std::string(kIdentityFile) + ".new") return true;
  }
  return false;
}

}  // namespace cairn::node
