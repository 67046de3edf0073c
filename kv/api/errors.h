#pragma once

#include <absl/status/status.h>
#include <grpcpp/support/status.h>

#include <string_view>

namespace cairn::kv::api {

// From what happened inside to what etcd's clients know (contract: error table). Errors of Raft become etcd's
// sentences: a definite code only when nothing happened, Unavailable when the request may still take effect.
absl::Status ToEtcdError(const absl::Status& status);

// Codes have the same numbers; the message is sent byte for byte.
grpc::Status ToGrpcStatus(const absl::Status& status);

absl::Status DeadlinePassed();
absl::Status WatchCanceled();
absl::Status RequestCanceled();
absl::Status AuthNotEnabled();
absl::Status InvalidClientApiVersion();
absl::Status TransferTookTooLong();
// The library's sentence for a message over the receive limit, as grpc-go words it.
absl::Status MessageTooLarge(std::size_t bytes, std::size_t limit);
absl::Status MalformedRequest(std::string_view message_type);
absl::Status NotImplemented(std::string_view method, std::string_view reason);
absl::Status UnknownMethod(std::string_view method);
absl::Status RequestMissing();  // The client sent its end and no message.

}  // namespace cairn::kv::api
