#include "raft/replica/group.h"

#include <absl/strings/cord.h>
#include <absl/strings/numbers.h>
#include <fmt/format.h>

#include <string>

namespace cairn::raft {
namespace {

constexpr absl::string_view kRaftErrorMark = "cairn/raft-error";

absl::StatusCode CodeOf(RaftError error) {
  switch (error) {
    case RaftError::kTimeout:
      return absl::StatusCode::kDeadlineExceeded;
    case RaftError::kOverloaded:
      return absl::StatusCode::kResourceExhausted;
    case RaftError::kTooLarge:
      return absl::StatusCode::kInvalidArgument;
    case RaftError::kLost:
      return absl::StatusCode::kAborted;
    case RaftError::kNoLeader:
    case RaftError::kUnknown:
    case RaftError::kStopped:
    case RaftError::kReadInterrupted:
      return absl::StatusCode::kUnavailable;
  }
  return absl::StatusCode::kInternal;
}

}  // namespace

absl::Status MakeRaftError(RaftError error, std::string_view detail) {
  absl::Status status(CodeOf(error), std::string(detail));
  status.SetPayload(kRaftErrorMark, absl::Cord(std::to_string(static_cast<int>(error))));
  return status;
}

std::optional<RaftError> RaftErrorOf(const absl::Status& status) {
  const auto mark = status.GetPayload(kRaftErrorMark);
  int number = 0;
  if (!mark || !absl::SimpleAtoi(std::string(*mark), &number)) return std::nullopt;
  return static_cast<RaftError>(number);
}

}  // namespace cairn::raft
