#pragma once

#include <absl/status/status.h>
#include <grpcpp/support/status.h>

#include <cstdint>
#include <string>

namespace cairn::kv::client {

// What is known about a write that failed.
enum class Outcome {
  kNotApplied,  // Refused, or never sent: it has not happened and will not.
  kUnknown,     // It may have happened, or may still happen.
};

// How a failed call is told: the message is what the server said, or what we saw of the connection. The
// rest rides as payloads, so that a caller can print or test it without reading the message.
struct Failure {
  absl::StatusCode code = absl::StatusCode::kUnknown;
  std::string message = {};
  std::string endpoint = {};  // Where it failed last, as the user wrote it.
  std::string advice = {};    // What a person may try; may be empty.
  Outcome outcome = Outcome::kNotApplied;
};

absl::Status ToStatus(const Failure& failure);

// Of a status made by ToStatus(); empty, or kNotApplied, of any other.
std::string EndpointOf(const absl::Status& status);
std::string AdviceOf(const absl::Status& status);
Outcome OutcomeOf(const absl::Status& status);

// A watch that asked for history that is gone: the oldest revision that can still be watched. 0 if `status`
// is something else.
absl::Status Compacted(std::int64_t compact_revision, const std::string& endpoint);
std::int64_t CompactRevisionOf(const absl::Status& status);

}  // namespace cairn::kv::client
