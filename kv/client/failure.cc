#include "kv/client/failure.h"

#include <absl/strings/cord.h>

#include <charconv>
#include <optional>

namespace cairn::kv::client {
namespace {

constexpr char kEndpoint[] = "cairn.client/endpoint";
constexpr char kAdvice[] = "cairn.client/advice";
constexpr char kUnknownOutcome[] = "cairn.client/unknown-outcome";
constexpr char kCompactRevision[] = "cairn.client/compact-revision";

std::string Payload(const absl::Status& status, const char* url) {
  const absl::optional<absl::Cord> payload = status.GetPayload(url);
  return payload.has_value() ? std::string(*payload) : std::string();
}

}  // namespace

absl::Status ToStatus(const Failure& failure) {
  absl::Status status(failure.code, failure.message);
  if (status.ok()) return status;
  status.SetPayload(kEndpoint, absl::Cord(failure.endpoint));
  if (!failure.advice.empty()) status.SetPayload(kAdvice, absl::Cord(failure.advice));
  if (failure.outcome == Outcome::kUnknown) status.SetPayload(kUnknownOutcome, absl::Cord("1"));
  return status;
}

std::string EndpointOf(const absl::Status& status) { return Payload(status, kEndpoint); }

std::string AdviceOf(const absl::Status& status) { return Payload(status, kAdvice); }

Outcome OutcomeOf(const absl::Status& status) {
  return Payload(status, kUnknownOutcome).empty() ? Outcome::kNotApplied : Outcome::kUnknown;
}

absl::Status Compacted(std::int64_t compact_revision, const std::string& endpoint) {
  absl::Status status =
      ToStatus({.code = absl::StatusCode::kOutOfRange,
                .message = "etcdserver: mvcc: required revision has been compacted",
                .endpoint = endpoint,
                .advice = "the oldest revision that can be watched is " + std::to_string(compact_revision)});
  status.SetPayload(kCompactRevision, absl::Cord(std::to_string(compact_revision)));
  return status;
}

std::int64_t CompactRevisionOf(const absl::Status& status) {
  const std::string text = Payload(status, kCompactRevision);
  std::int64_t revision = 0;
  std::from_chars(text.data(), text.data() + text.size(), revision);
  return revision;
}

}  // namespace cairn::kv::client
