#include "kv/api/unary_call.h"

#include <utility>

#include "kv/model/errors.h"
#include "raft/base/assert.h"

namespace cairn::kv::api {
namespace {

// Answers below this are not worth counting: max_requests_in_flight bounds their sum.
constexpr std::size_t kAccountFrom = 64 << 10;

}  // namespace

ClientMetadata ReadMetadata(const grpc::ServerContext& context) {
  ClientMetadata metadata;
  for (const auto& [key, value] : context.client_metadata()) {
    const std::string_view name(key.data(), key.size());
    const std::string_view text(value.data(), value.size());
    if (name == "hasleader") metadata.require_leader = text == "true";
    if (name == "client-api-version") metadata.api_version = text;
  }
  return metadata;
}

void UnaryCall::Begin(MethodIndex method, Step service, grpc::ServerContext& context,
                      const grpc::ByteBuffer& request) {
  method_ = method;
  began_ = std::chrono::steady_clock::now();
  deadline_ = context.deadline();
  const std::size_t in_flight = backend_.unary_in_flight.fetch_add(1, std::memory_order_relaxed) + 1;
  backend_.metrics.Started(method);
  backend_.metrics.Received(method, request.Length());
  if (in_flight > backend_.options.max_requests_in_flight) return Refuse(errors::TooManyRequests());
  if (Admit(context, request)) service(*this);
}

bool UnaryCall::Admit(const grpc::ServerContext& context, const grpc::ByteBuffer& request) {
  if (backend_.stopping.load(std::memory_order_acquire)) {
    Refuse(errors::Stopped());
    return false;
  }
  const ClientMetadata metadata = ReadMetadata(context);
  backend_.metrics.CountClient(Shape::kUnary, metadata.api_version);
  if (metadata.require_leader && !backend_.deps.group.status().leader) {
    Refuse(errors::NoLeader());
    return false;
  }
  const std::size_t limit = backend_.options.receive_limit();
  if (request.Length() > limit) {
    Refuse(MessageTooLarge(request.Length(), limit));
    return false;
  }
  if (DeadlineIsOver()) {
    Refuse(DeadlinePassed());
    return false;
  }
  request_ = Contiguous(request);
  return true;
}

void UnaryCall::SetGone() {
  gone_ = true;
  backend_.metrics.CountGone();
}

bool UnaryCall::DeadlineIsOver() const {
  return deadline_ != std::chrono::system_clock::time_point::max() &&
         deadline_ <= std::chrono::system_clock::now();
}

void UnaryCall::Propose(CommandKind kind) {
  ProposeThen(kind, [](UnaryCall& call) {
    // Not RefusedAfterWait(): a client whose deadline has just passed may still receive it, and there is
    // nothing left to save.
    if (!call.wait_status_.ok()) return call.Refuse(call.wait_status_);
    const KvResult& result = call.result();
    if (!result.status.ok()) return call.Refuse(result.status);
    call.Answer(result.revision, result.body);
  });
}

void UnaryCall::ProposeThen(CommandKind kind, Step next) {
  Payload command = EncodeCommand(kind, request_bytes());
  if (command.size() > backend_.options.max_request_bytes) return Refuse(errors::RequestTooLarge());
  Wait(next);
  backend_.deps.group.Propose(std::move(command),
                              [this](absl::StatusOr<std::unique_ptr<raft::ApplyResult>> result) {
                                if (result.ok()) {
                                  Wake(absl::OkStatus(), *std::move(result));
                                } else {
                                  Wake(result.status());
                                }
                              });
}

void UnaryCall::AfterReadBarrier(Step next) {
  Wait(next);
  backend_.deps.group.ReadBarrier([this](absl::Status status) { Wake(std::move(status)); });
}

void UnaryCall::Wait(Step next) {
  CAIRN_ASSERT(next_ == nullptr, "a call waits for one thing at a time");
  next_ = next;
}

void UnaryCall::Wake(absl::Status status, std::unique_ptr<raft::ApplyResult> result) {
  wait_status_ = std::move(status);
  result_ = std::move(result);
  mailbox_.Push(*this);
}

void UnaryCall::OnMail() {
  CAIRN_ASSERT(next_ != nullptr, "woken without waiting");
  std::exchange(next_, nullptr)(*this);
}

void UnaryCall::OnWorker(absl::AnyInvocable<absl::StatusOr<KvResult>(Backend&)> job, Step next) {
  Wait(next);
  const bool accepted = backend_.worker.Run([this, job = std::move(job)]() mutable {
    absl::StatusOr<KvResult> result = job(backend_);
    if (!result.ok()) return Wake(result.status());
    Wake(absl::OkStatus(), std::make_unique<KvResult>(*std::move(result)));
  });
  if (accepted) return;
  next_ = nullptr;
  Refuse(errors::TooManyRequests());
}

bool UnaryCall::RefusedAfterWait() {
  if (!wait_status_.ok()) {
    Refuse(wait_status_);
  } else if (gone_) {
    Refuse(RequestCanceled());
  } else if (DeadlineIsOver()) {
    Refuse(DeadlinePassed());
  } else {
    return false;
  }
  return true;
}

void UnaryCall::Answer(Revision revision, const EncodedMessage& body) {
  Finish(EncodeResponse(backend_.Header(revision), body), absl::OkStatus());
}

void UnaryCall::Answer(const google::protobuf::MessageLite& response) {
  Finish(EncodeMessage(response), absl::OkStatus());
}

void UnaryCall::Refuse(const absl::Status& status) {
  CAIRN_ASSERT(!status.ok(), "refused without a reason");
  Finish({}, ToEtcdError(status));
}

void UnaryCall::Finish(const grpc::ByteBuffer& response, const absl::Status& status) {
  CAIRN_ASSERT(!ended_, "a call ends once");
  ended_ = true;
  if (status.ok()) {
    const std::size_t bytes = response.Length();
    backend_.metrics.Sent(method_, bytes);
    if (bytes >= kAccountFrom) {
      accounted_bytes_ = bytes;
      backend_.response_bytes_in_flight.fetch_add(bytes, std::memory_order_relaxed);
    }
  }
  backend_.metrics.Handled(method_, status.code(), std::chrono::steady_clock::now() - began_);
  SendAndEnd(response, ToGrpcStatus(status));
}

void UnaryCall::End() {
  CAIRN_ASSERT(ended_ && next_ == nullptr, "ended={} waiting={}", ended_, next_ != nullptr);
  backend_.response_bytes_in_flight.fetch_sub(std::exchange(accounted_bytes_, 0), std::memory_order_relaxed);
  backend_.unary_in_flight.fetch_sub(1, std::memory_order_relaxed);
  parsed_ = nullptr;
  request_ = {};
  result_.reset();
  wait_status_ = absl::OkStatus();
  gone_ = false;
  ended_ = false;
  arena_.Reset();
}

}  // namespace cairn::kv::api
