#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/synchronization/mutex.h>

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "raft/base/types.h"
#include "raft/log/posix_disk.h"

namespace cairn::node {

// With which incarnation each other member introduced itself to this one: the file `peers` of the data
// directory. A member announces its incarnation to the cluster once it can; this is for the time until that
// announcement has been applied and flushed here. Were it forgotten in a restart, a voter that came back
// without its data would be taken for the one whose promises we have counted.
//
// Thread-safe.
class SeenPeers {
 public:
  // DataLoss: the file is damaged. FailedPrecondition: it has a newer format.
  static absl::StatusOr<std::unique_ptr<SeenPeers>> Open(const std::string& directory);

  // What the member says itself: the first counts. Durable when OK is returned; at once if it was recorded
  // before. FailedPrecondition: another incarnation is recorded. Waits for the disk.
  absl::Status Record(raft::NodeId member, raft::Incarnation incarnation) ABSL_LOCKS_EXCLUDED(writing_, mu_);

  // What the membership says: takes the place of whatever is recorded. Else as Record().
  absl::Status Replace(raft::NodeId member, raft::Incarnation incarnation) ABSL_LOCKS_EXCLUDED(writing_, mu_);

  // Does not wait for the disk.
  [[nodiscard]] std::optional<raft::Incarnation> IncarnationOf(raft::NodeId member) const
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using Seen = std::map<raft::NodeId, raft::Incarnation>;

  SeenPeers(std::unique_ptr<raft::PosixDisk> disk, Seen seen)
      : disk_(std::move(disk)), seen_(std::move(seen)) {}

  absl::Status Write(raft::NodeId member, raft::Incarnation incarnation)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(writing_) ABSL_LOCKS_EXCLUDED(mu_);
  static std::string Encode(const Seen& seen);
  static absl::StatusOr<Seen> Decode(std::string_view text, const std::string& path);

  const std::unique_ptr<raft::PosixDisk> disk_;
  absl::Mutex writing_ ABSL_ACQUIRED_BEFORE(mu_);  // One at a time writes the file; readers need `mu_` only.
  mutable absl::Mutex mu_;
  Seen seen_ ABSL_GUARDED_BY(mu_);  // What is on disk.
};

}  // namespace cairn::node
