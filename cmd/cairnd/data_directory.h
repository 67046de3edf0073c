#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <memory>
#include <optional>
#include <string>

#include "cmd/cairnd/claimed_directory.h"
#include "cmd/cairnd/identity.h"

namespace cairn::node {

// The directory that makes a member: its lock, its identity, and where its parts lie.
//
//   LOCK       locked while a process uses the directory; `log` has one, too
//   identity   format, cluster, member, incarnation, and whether the parts were made; checksummed text
//   peers      with which incarnation each other member was first let in (seen_peers.h)
//   log/       the Raft log (or elsewhere: --wal-dir), with an `identity` of its own
//   store/     the key-value store
//
// Opened once per process, from one thread; the lock ends with the object.
class DataDirectory {
 public:
  struct Wanted {
    std::string path;
    std::string log_path;
    Identity identity;  // The incarnation is for a new directory.
    bool must_exist = false;
  };

  // Opens the directory, or makes it. Refuses, with a sentence that says what to do:
  // FailedPrecondition: used by another process, of another cluster or member, of a newer format, data
  // without identity, an identity whose data is gone, or a log that belongs to another directory;
  // PermissionDenied; ResourceExhausted: disk full; DataLoss: an identity is damaged. Who is refused leaves
  // no identity behind.
  static absl::StatusOr<std::unique_ptr<DataDirectory>> Open(const Wanted& wanted);

  // With the incarnation that was recorded.
  [[nodiscard]] const Identity& identity() const { return identity_; }
  [[nodiscard]] bool is_new() const { return is_new_; }
  [[nodiscard]] const std::string& path() const { return data_->path(); }
  [[nodiscard]] const std::string& log_path() const { return log_->path(); }
  [[nodiscard]] std::string store_path() const { return path() + "/store"; }

  // Log and store have been made: from now on their absence is a loss. Durable when OK is returned.
  absl::Status MarkComplete();

 private:
  DataDirectory() = default;

  absl::Status TakeIdentity(const Wanted& wanted);
  [[nodiscard]] absl::Status CheckLogOwner(const std::optional<OwnerRecord>& owner) const;

  std::unique_ptr<ClaimedDirectory> data_;
  std::unique_ptr<ClaimedDirectory> log_;
  Identity identity_;
  bool is_new_ = false;
};

}  // namespace cairn::node
