#include "cmd/cairnd/data_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "cmd/cairnd/sealed_file.h"
#include "raft/base/status.h"
#include "raft/log/posix_disk.h"

namespace cairn::node {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kFormat = 1;
constexpr const char* kIdentityFile = "identity";

template <typename... Arguments>
absl::Status Refuse(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  return absl::FailedPreconditionError(fmt::format(format, std::forward<Arguments>(arguments)...));
}

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

bool HasContent(const std::string& path) {
  std::error_code error;
  return fs::exists(path, error) && !fs::is_empty(path, error);
}

// What the identity file says.
struct Recorded {
  std::uint64_t format = 0;
  Identity identity;
  bool complete = false;
};

std::string Encode(const Recorded& recorded) {
  return fmt::format("format {}\ncluster {:016x}\nmember {:016x}\nincarnation {:016x}\nstate {}\n",
                     recorded.format, recorded.identity.cluster.value(), recorded.identity.member.value(),
                     recorded.identity.incarnation.value(), recorded.complete ? "complete" : "begun");
}

absl::StatusOr<Recorded> Decode(std::string_view text, const std::string& path) {
  Recorded recorded;
  std::string_view rest = text;
  if (!TakeField(rest, "format", 10, recorded.format)) return Corruption(path, 0, "no format");
  // Before the checksum: a later format may have another one.
  if (recorded.format > kFormat) {
    return Refuse("{} has format {}, and this cairnd knows formats up to {}; start a newer cairnd", path,
                  recorded.format, kFormat);
  }
  CAIRN_RETURN_IF_ERROR(CheckSeal(text, path));
  std::uint64_t cluster = 0;
  std::uint64_t member = 0;
  std::uint64_t incarnation = 0;
  if (!TakeField(rest, "cluster", 16, cluster) || !TakeField(rest, "member", 16, member) ||
      !TakeField(rest, "incarnation", 16, incarnation)) {
    return Corruption(path, text.size() - rest.size(), "an id is missing");
  }
  recorded.identity = {.cluster = raft::ClusterId{cluster},
                       .member = raft::NodeId{member},
                       .incarnation = raft::Incarnation{incarnation}};
  recorded.complete = rest.starts_with("state complete\n");
  return recorded;
}

absl::StatusOr<int> Lock(const std::string& path) {
  const std::string name = path + "/LOCK";
  const int lock = open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0) return SystemError(errno, name, "cannot open");
  if (flock(lock, LOCK_EX | LOCK_NB) == 0) return lock;
  const int error = errno;
  close(lock);
  if (error != EWOULDBLOCK) return SystemError(error, name, "cannot lock");
  return Refuse("{} is in use by another cairnd; stop that one, or give this one a --data-dir of its own",
                path);
}

}  // namespace

absl::StatusOr<std::unique_ptr<DataDirectory>> DataDirectory::Open(const Wanted& wanted) {
  std::error_code error;
  if (wanted.must_exist && !fs::exists(wanted.path + "/" + kIdentityFile, error)) {
    return Refuse(
        "{} holds no data, and --initial-cluster-state says 'existing'; members cannot be added to a running "
        "cluster yet: start with 'new', or with the directory that this member had",
        wanted.path);
  }
  if (const absl::Status made = raft::MakeDirectories(wanted.path); !made.ok())
    return Advise(made, wanted.path);
  if (access(wanted.path.c_str(), R_OK | W_OK | X_OK) != 0) {
    return SystemError(errno, wanted.path, "cannot use");
  }
  CAIRN_ASSIGN_OR_RETURN(const int lock, Lock(wanted.path));
  std::unique_ptr<DataDirectory> directory(new DataDirectory(wanted.path, wanted.log_path, lock));
  CAIRN_RETURN_IF_ERROR(directory->TakeIdentity(wanted));
  return directory;
}

DataDirectory::~DataDirectory() { close(lock_); }

absl::Status DataDirectory::TakeIdentity(const Wanted& wanted) {
  CAIRN_ASSIGN_OR_RETURN(const std::unique_ptr<raft::PosixDisk> disk, raft::PosixDisk::Open(path_));
  const std::string name = path_ + "/" + kIdentityFile;
  std::error_code error;
  if (!fs::exists(name, error)) return Begin(wanted);

  CAIRN_ASSIGN_OR_RETURN(const std::string text, ReadSealed(*disk, kIdentityFile));
  CAIRN_ASSIGN_OR_RETURN(const Recorded recorded, Decode(text, name));
  // A member that was added later has an id of another making; it says 'existing'.
  const bool same = recorded.identity.cluster == wanted.identity.cluster &&
                    recorded.identity.member == wanted.identity.member;
  if (!same && !wanted.must_exist) {
    return Refuse(
        "{} belongs to member {:016x} of cluster {:016x}, and the flags describe member {:016x} of cluster "
        "{:016x}; give the flags it was made with, or another --data-dir",
        path_, recorded.identity.member.value(), recorded.identity.cluster.value(),
        wanted.identity.member.value(), wanted.identity.cluster.value());
  }
  identity_ = recorded.identity;
  is_new_ = !recorded.complete;
  if (is_new_) return absl::OkStatus();  // A first start that was cut short: nobody has relied on it.
  for (const std::string& part : {log_path_, store_path()}) {
    if (HasContent(part)) continue;
    return Refuse(
        "{} is missing or empty: this member has forgotten what it voted for and what it acknowledged; bring "
        "it "
        "back, or remove the member from the cluster and add it anew",
        part);
  }
  return absl::OkStatus();
}

absl::Status DataDirectory::Begin(const Wanted& wanted) {
  for (const std::string& part : {log_path_, store_path()}) {
    if (HasContent(part)) {
      return Refuse("{} has data in it, but {} has no identity file; give a directory that is empty or whole",
                    part, path_);
    }
  }
  if (HasContent(path_ + "/member")) {
    return Refuse("{} looks like a data directory of etcd, which cairn cannot read; give another --data-dir",
                  path_);
  }
  identity_ = wanted.identity;
  is_new_ = true;
  return WriteIdentity(false);
}

absl::Status DataDirectory::MarkComplete() {
  if (!is_new_) return absl::OkStatus();
  return WriteIdentity(true);
}

absl::Status DataDirectory::WriteIdentity(bool complete) const {
  CAIRN_ASSIGN_OR_RETURN(const std::unique_ptr<raft::PosixDisk> disk, raft::PosixDisk::Open(path_));
  return ReplaceSealed(*disk, kIdentityFile,
                       Encode({.format = kFormat, .identity = identity_, .complete = complete}));
}

}  // namespace cairn::node
