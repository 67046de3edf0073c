#include "cmd/cairnd/data_directory.h"

#include <fmt/format.h>

#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "raft/base/status.h"

namespace cairn::node {
namespace {

namespace fs = std::filesystem;

template <typename... Arguments>
absl::Status Refuse(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  return absl::FailedPreconditionError(fmt::format(format, std::forward<Arguments>(arguments)...));
}

// Nothing of this member may be there yet.
absl::Status CheckEmpty(const std::string& path, const std::vector<std::string>& parts) {
  for (const std::string& part : parts) {
    if (!ClaimedDirectory::HasContent(part)) continue;
    return Refuse("{} has data in it, but {} has no identity file; give a directory that is empty or whole",
                  part, path);
  }
  if (ClaimedDirectory::HasContent(path + "/member")) {
    return Refuse("{} looks like a data directory of etcd, which cairn cannot read; give another --data-dir",
                  path);
  }
  return absl::OkStatus();
}

absl::Status CheckSameMember(const std::string& path, const Identity& recorded, const Identity& wanted) {
  if (recorded.cluster == wanted.cluster && recorded.member == wanted.member) return absl::OkStatus();
  return Refuse(
      "{} belongs to member {:016x} of cluster {:016x}, and the flags describe member {:016x} of cluster "
      "{:016x}; give the flags it was made with, or another --data-dir",
      path, recorded.member.value(), recorded.cluster.value(), wanted.member.value(), wanted.cluster.value());
}

absl::Status CheckWhole(const std::vector<std::string>& parts) {
  for (const std::string& part : parts) {
    if (ClaimedDirectory::HasContent(part)) continue;
    return Refuse(
        "{} is missing or empty: this member has forgotten what it voted for and what it acknowledged; "
        "bring it back, or remove the member from the cluster and add it anew",
        part);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<DataDirectory>> DataDirectory::Open(const Wanted& wanted) {
  std::error_code error;
  if (wanted.must_exist && !fs::exists(wanted.path + "/identity", error)) {
    return Refuse(
        "{} holds no data, and --initial-cluster-state says 'existing'; members cannot be added to a running "
        "cluster yet: start with 'new', or with the directory that this member had",
        wanted.path);
  }
  std::unique_ptr<DataDirectory> directory(new DataDirectory());
  CAIRN_ASSIGN_OR_RETURN(directory->data_, ClaimedDirectory::Open(wanted.path, "--data-dir"));
  CAIRN_RETURN_IF_ERROR(directory->TakeIdentity(wanted));
  return directory;
}

absl::Status DataDirectory::TakeIdentity(const Wanted& wanted) {
  const std::vector<std::string> parts = {wanted.log_path, store_path()};
  CAIRN_ASSIGN_OR_RETURN(const std::optional<OwnerRecord> owner, data_->ReadOwner());
  identity_ = owner ? owner->identity : wanted.identity;
  is_new_ = !owner || !owner->complete;
  if (owner) {
    CAIRN_RETURN_IF_ERROR(CheckSameMember(path(), owner->identity, wanted.identity));
    // A first start that was cut short may have made any of them: nobody has relied on it.
    if (owner->complete) CAIRN_RETURN_IF_ERROR(CheckWhole(parts));
  } else {
    CAIRN_RETURN_IF_ERROR(CheckEmpty(path(), parts));
  }
  std::error_code error;
  if (fs::equivalent(path(), wanted.log_path, error)) {
    return Refuse("--wal-dir is {}, the data directory itself; give a directory of its own", wanted.log_path);
  }
  CAIRN_ASSIGN_OR_RETURN(log_, ClaimedDirectory::Open(wanted.log_path, "--wal-dir"));
  CAIRN_ASSIGN_OR_RETURN(const std::optional<OwnerRecord> log_owner, log_->ReadOwner());
  CAIRN_RETURN_IF_ERROR(CheckLogOwner(log_owner));
  // In this order: a log without its member's data directory is refused, the other way round it is made.
  if (!owner) CAIRN_RETURN_IF_ERROR(data_->WriteOwner({.identity = identity_, .complete = false}));
  if (!log_owner) CAIRN_RETURN_IF_ERROR(log_->WriteOwner({.identity = identity_, .complete = true}));
  return absl::OkStatus();
}

absl::Status DataDirectory::CheckLogOwner(const std::optional<OwnerRecord>& owner) const {
  if (owner && owner->identity == identity_) return absl::OkStatus();
  if (owner) {
    return Refuse(
        "{} is the log of member {:016x} of cluster {:016x} with another data directory than {}; give the "
        "--wal-dir that goes with this one",
        log_path(), owner->identity.member.value(), owner->identity.cluster.value(), path());
  }
  if (is_new_ && !ClaimedDirectory::HasContent(log_path())) return absl::OkStatus();
  // Of before logs had identities, and inside what is ours.
  if (!is_new_ && log_path() == path() + "/log") return absl::OkStatus();
  return Refuse(
      "{} has no identity file, so it cannot be told whose log it is; bring back the whole directory",
      log_path());
}

absl::Status DataDirectory::MarkComplete() {
  if (!is_new_) return absl::OkStatus();
  return data_->WriteOwner({.identity = identity_, .complete = true});
}

}  // namespace cairn::node
