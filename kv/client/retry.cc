#include "kv/client/retry.h"

#include <algorithm>
#include <string_view>

namespace cairn::kv::client {
namespace {

// Refused at the door: these are said before anything is proposed.
bool IsRefusalBeforeProposal(const grpc::Status& status) {
  const std::string message = status.error_message();  // By value: a view would dangle.
  return message == "etcdserver: no leader" || message == "etcdserver: too many requests";
}

// gRPC itself found no connection after we saw one: it was lost in between, and nothing was sent.
bool IsConnectFailure(const grpc::Status& status) {
  return status.error_code() == grpc::StatusCode::UNAVAILABLE &&
         status.error_message().starts_with("failed to connect to all addresses");
}

bool IsOverload(const grpc::Status& status) {
  return status.error_message() == "etcdserver: too many requests";
}

bool CertainlyNotProposed(const Attempt& attempt) {
  return !attempt.sent || IsConnectFailure(attempt.status) || IsRefusalBeforeProposal(attempt.status);
}

}  // namespace

Verdict Judge(CallKind kind, const Attempt& attempt) {
  if (attempt.sent && attempt.status.ok()) return Verdict::kDone;
  if (CertainlyNotProposed(attempt)) return Verdict::kTryElsewhere;
  if (kind == CallKind::kWrite) return Verdict::kGiveUp;
  switch (attempt.status.error_code()) {
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::DEADLINE_EXCEEDED:  // Of this attempt; the caller knows whether the call has time
                                               // left.
      return Verdict::kTryElsewhere;
    default:
      return Verdict::kGiveUp;
  }
}

Outcome OutcomeOf(const Attempt& attempt) {
  if (CertainlyNotProposed(attempt)) return Outcome::kNotApplied;
  switch (attempt.status.error_code()) {
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::DEADLINE_EXCEEDED:
    case grpc::StatusCode::CANCELLED:
    case grpc::StatusCode::UNKNOWN:
    case grpc::StatusCode::INTERNAL:
      return Outcome::kUnknown;
    default:
      return Outcome::kNotApplied;
  }
}

bool IsEndpointFailure(const Attempt& attempt) {
  if (!attempt.sent) return true;
  if (IsOverload(attempt.status)) return true;
  return attempt.status.error_code() == grpc::StatusCode::UNAVAILABLE ||
         attempt.status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED;
}

std::chrono::milliseconds Backoff::Next() {
  const std::chrono::milliseconds base = next_;
  next_ = std::min(options_.last, next_ * 2);
  const auto quarter = static_cast<std::uint64_t>(base.count() / 4);
  return base - std::chrono::milliseconds(quarter) + std::chrono::milliseconds(rng_.Below(2 * quarter + 1));
}

}  // namespace cairn::kv::client
