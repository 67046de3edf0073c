#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cmd/cairnd/identity.h"

namespace cairn::node {

// What the file `identity` of a directory says.
struct OwnerRecord {
  Identity identity;
  bool complete = false;  // Of a data directory: log and store were made, and their absence is a loss.
};

// A directory that one process uses at a time, and that belongs to one member. From one thread; the lock ends
// with the object.
class ClaimedDirectory {
 public:
  // Makes the directory if it is not there, and locks it. `flag` is what a person gives to have another one.
  // FailedPrecondition: used by another process; PermissionDenied; ResourceExhausted: disk full.
  static absl::StatusOr<std::unique_ptr<ClaimedDirectory>> Open(const std::string& path,
                                                                std::string_view flag);
  ~ClaimedDirectory();
  ClaimedDirectory(const ClaimedDirectory&) = delete;
  ClaimedDirectory& operator=(const ClaimedDirectory&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }

  // Nothing: no member has it yet. FailedPrecondition: a newer format; DataLoss: damaged.
  [[nodiscard]] absl::StatusOr<std::optional<OwnerRecord>> ReadOwner() const;
  // Durable when OK is returned.
  [[nodiscard]] absl::Status WriteOwner(const OwnerRecord& owner) const;

  // Whether there is anything in `path` beside what a claim that came to nothing leaves behind.
  static bool HasContent(const std::string& path);

 private:
  ClaimedDirectory(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}

  const std::string path_;
  const int lock_;  // Of LOCK.
};

}  // namespace cairn::node
