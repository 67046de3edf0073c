#include "cmd/cairnctl/exit_code.h"

#include <absl/strings/cord.h>

namespace cairn::ctl {
namespace {

constexpr char kExitCode[] = "cairnctl/exit-code";

absl::Status WithCode(ExitCode code, const std::string& message) {
  absl::Status status = absl::InvalidArgumentError(message);
  status.SetPayload(kExitCode, absl::Cord(std::to_string(static_cast<int>(code))));
  return status;
}

}  // namespace

absl::Status BadArguments(const std::string& message) { return WithCode(kBadArguments, message); }
absl::Status BadFeature(const std::string& message) { return WithCode(kBadFeature, message); }
absl::Status BadInput(const std::string& message) { return WithCode(kInvalidInput, message); }

ExitCode ExitCodeOf(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kExitCode);
  if (!payload.has_value()) return kError;
  for (const ExitCode code : {kBadArguments, kBadFeature, kInvalidInput}) {
    if (*payload == std::to_string(static_cast<int>(code))) return code;
  }
  return kError;
}

}  // namespace cairn::ctl
