#include "kv/api/errors.h"

#include <fmt/format.h>

#include <string>

#include "kv/model/errors.h"
#include "raft/base/assert.h"
#include "raft/base/status.h"
#include "raft/replica/group.h"

namespace cairn::kv::api {
namespace {

absl::Status FromRaft(raft::RaftError error) {
  switch (error) {
    case raft::RaftError::kNoLeader:
      return errors::NoLeader();
    case raft::RaftError::kLost:
      // It certainly did not happen, but etcd has no definite sentence for that: its clients retry reads on
      // it and take a write's outcome as unknown, which is safe.
      return errors::TimeoutLeaderFailure();
    case raft::RaftError::kUnknown:
      return errors::TimeoutConnectionLost();
    case raft::RaftError::kTimeout:
      return errors::Timeout();
    case raft::RaftError::kOverloaded:
      return errors::TooManyRequests();
    case raft::RaftError::kTooLarge:
      return errors::RequestTooLarge();
    case raft::RaftError::kStopped:
      return errors::Stopped();
    case raft::RaftError::kReadInterrupted:
      return errors::LeaderChanged();
  }
  CAIRN_ASSERT(false, "RaftError {}", static_cast<int>(error));
}

}  // namespace

absl::Status ToEtcdError(const absl::Status& status) {
  if (const auto error = raft::RaftErrorOf(status)) return FromRaft(*error);
  return status;
}

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return {static_cast<grpc::StatusCode>(status.code()), std::string(MessageOf(status))};
}

absl::Status DeadlinePassed() { return absl::DeadlineExceededError("context deadline exceeded"); }
absl::Status WatchCanceled() { return absl::CancelledError("etcdserver: watch canceled"); }
absl::Status RequestCanceled() { return absl::CancelledError("etcdserver: request canceled"); }
absl::Status AuthNotEnabled() {
  return absl::FailedPreconditionError("etcdserver: authentication is not enabled");
}
absl::Status InvalidClientApiVersion() {
  return absl::InvalidArgumentError("etcdserver: invalid client api version");
}
absl::Status RequestMissing() { return absl::InternalError("grpc: the request is missing"); }
absl::Status TransferTookTooLong() {
  return absl::UnknownError("etcdserver: request timed out, leader transfer took too long");
}

absl::Status MessageTooLarge(std::size_t bytes, std::size_t limit) {
  return absl::ResourceExhaustedError(
      fmt::format("grpc: received message larger than max ({} vs. {})", bytes, limit));
}

absl::Status MalformedRequest(std::string_view message_type) {
  return absl::InternalError(fmt::format("grpc: the request is not a valid {}", message_type));
}

absl::Status NotImplemented(std::string_view method, std::string_view reason) {
  return absl::UnimplementedError(fmt::format("cairn does not have {} yet: {}", method, reason));
}

absl::Status UnknownMethod(std::string_view method) {
  // The name is the client's and may hold anything; a status message must be readable.
  std::string printable(method.substr(0, 200));
  for (char& c : printable) {
    if (c < ' ' || c > '~') c = '?';
  }
  return absl::UnimplementedError(fmt::format("unknown method {}", printable));
}

}  // namespace cairn::kv::api
