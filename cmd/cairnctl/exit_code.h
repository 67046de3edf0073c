#pragma once

#include <absl/status/status.h>

#include <string>

namespace cairn::ctl {

// etcdctl's, so that scripts need not change.
enum ExitCode : int {
  kSuccess = 0,
  kError = 1,         // The cluster refused, or could not be reached; unknown flags and commands, too.
  kInvalidInput = 3,  // What was read from standard input.
  kBadFeature = 4,    // A flag's value that is not supported, such as an unknown output format.
  kInterrupted = 5,   // The server ended a watch.
  kBadArguments = 128,
};

// Refusals of what the user typed; each knows its exit code.
absl::Status BadArguments(const std::string& message);
absl::Status BadFeature(const std::string& message);
absl::Status BadInput(const std::string& message);

// Of a status made by one of the above; kError for any other.
ExitCode ExitCodeOf(const absl::Status& status);

}  // namespace cairn::ctl
