#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <memory>
#include <string>

#include "cmd/cairnd/identity.h"

namespace cairn::node {

// The directory that makes a member: its lock, its identity, and where its parts lie.
//
//   LOCK       locked while a process uses the directory
//   identity   format, cluster, member, incarnation, and whether the parts were made; checksummed text
//   peers      with which incarnation each other member was first let in (seen_peers.h)
//   log/       the Raft log (or elsewhere: --wal-dir)
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
  // without identity, or an identity whose data is gone; PermissionDenied; ResourceExhausted: disk full;
  // DataLoss: the identity is damaged. A call that fails leaves no identity behind.
  static absl::StatusOr<std::unique_ptr<DataDirectory>> Open(const Wanted& wanted);
  ~DataDirectory();
  DataDirectory(const DataDirectory&) = delete;
  DataDirectory& operator=(const DataDirectory&) = delete;

  // With the incarnation that was recorded.
  [[nodiscard]] const Identity& identity() const { return identity_; }
  [[nodiscard]] bool is_new() const { return is_new_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const std::string& log_path() const { return log_path_; }
  [[nodiscard]] std::string store_path() const { return path_ + "/store"; }

  // Log and store have been made: from now on their absence is a loss. Durable when OK is returned.
  absl::Status MarkComplete();

 private:
  DataDirectory(std::string path, std::string log_path, int lock)
      : path_(std::move(path)), log_path_(std::move(log_path)), lock_(lock) {}

  absl::Status TakeIdentity(const Wanted& wanted);
  absl::Status Begin(const Wanted& wanted);
  absl::Status WriteIdentity(bool complete) const;

  const std::string path_;
  const std::string log_path_;
  const int lock_;  // Of LOCK.
  Identity identity_;
  bool is_new_ = false;
};

}  // namespace cairn::node
