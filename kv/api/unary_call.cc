#include "kv/api/unary_call.h"

#include <grpc/support/time.h>

#include <array>
#include <cstdint>
#include <utility>

#include "kv/model/errors.h"
#include "raft/base/assert.h"

namespace cairn::kv::api {
namespace {

using std::chrono::steady_clock;

// From here on a deadline is as good as none. A client may name one that is too far for nanoseconds.
constexpr std::int64_t kFarSeconds = std::int64_t{10} * 365 * 24 * 3600;

// Once, at the beginning: a system clock that is set meanwhile neither ends a request nor keeps it.
steady_clock::time_point ToSteadyClock(gpr_timespec deadline, steady_clock::time_point now) {
  const gpr_timespec left = gpr_time_sub(deadline, gpr_now(deadline.clock_type));
  if (left.tv_sec >= kFarSeconds) return steady_clock::time_point::max();
  return now + std::chrono::seconds(left.tv_sec) + std::chrono::nanoseconds(left.tv_nsec);
}

}  // namespace

bool IsUtf8(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    const auto first = static_cast<unsigned char>(text[i++]);
    if (first < 0x80) continue;
    const int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    if (first < 0xc2 || first > 0xf4) return false;
    std::uint32_t point = first & (0x3fU >> more);
    for (int n = 0; n < more; ++n) {
      if (i == text.size()) return false;
      const auto next = static_cast<unsigned char>(text[i++]);
      if ((next & 0xc0) != 0x80) return false;
      point = point << 6 | (next & 0x3fU);
    }
    constexpr std::array<std::uint32_t, 4> kShortest = {0, 0x80, 0x800, 0x10000};
    const bool surrogate = point >= 0xd800 && point <= 0xdfff;
    if (point < kShortest[static_cast<std::size_t>(more)] || point > 0x10ffff || surrogate) return false;
  }
  return true;
}

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
  began_ = steady_clock::now();
  deadline_ = ToSteadyClock(context.raw_deadline(), began_);
  request_bytes_ = request.Length();
  const std::size_t requests = backend_.unanswered.Begin();
  const std::size_t bytes =
      backend_.request_bytes_in_flight.fetch_add(request_bytes_, std::memory_order_relaxed) + request_bytes_;
  backend_.metrics.Started(method);
  backend_.metrics.Received(method, request_bytes_);
  // First: whoever is told to try again later should not be, by a server that stops.
  if (backend_.stopping.load()) return Refuse(errors::Stopped());
  if (requests > backend_.options.max_requests_in_flight ||
      bytes > backend_.options.max_request_bytes_in_flight) {
    return Refuse(errors::TooManyRequests());
  }
  if (Admit(context, request)) service(*this);
}

bool UnaryCall::Admit(const grpc::ServerContext& context, const grpc::ByteBuffer& request) {
  const ClientMetadata metadata = ReadMetadata(context);
  if (!IsUtf8(metadata.api_version)) {
    backend_.metrics.CountClient(Shape::kUnary, "");
    Refuse(InvalidClientApiVersion());
    return false;
  }
  backend_.metrics.CountClient(Shape::kUnary, metadata.api_version);
  if (metadata.require_leader && !backend_.deps.group.has_leader()) {
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

void UnaryCall::OnWorker(Worker& worker, absl::AnyInvocable<absl::StatusOr<KvResult>(Backend&)> job,
                         Step next) {
  Wait(next);
  const bool accepted = worker.Run([this, job = std::move(job)]() mutable {
    // What has not begun need not delay a stop.
    if (backend_.stopping.load()) return Wake(errors::Stopped());
    if (absl::Status wanted = StillWanted(); !wanted.ok()) return Wake(std::move(wanted));
    absl::StatusOr<KvResult> result = job(backend_);
    // For a client that has gone the job may have stopped half-way.
    if (!result.ok()) return Wake(gone_ ? RequestCanceled() : result.status());
    Wake(absl::OkStatus(), std::make_unique<KvResult>(*std::move(result)));
  });
  if (accepted) return;
  next_ = nullptr;
  Refuse(errors::TooManyRequests());
}

absl::Status UnaryCall::StillWanted() const {
  if (gone_) return RequestCanceled();
  if (DeadlineIsOver()) return DeadlinePassed();
  return absl::OkStatus();
}

bool UnaryCall::RefusedAfterWait() {
  const absl::Status refusal = wait_status_.ok() ? StillWanted() : wait_status_;
  if (refusal.ok()) return false;
  Refuse(refusal);
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
    response_bytes_ = response.Length();
    backend_.metrics.Sent(method_, response_bytes_);
    backend_.response_bytes_in_flight.fetch_add(response_bytes_, std::memory_order_relaxed);
  }
  backend_.metrics.Handled(method_, status.code(), steady_clock::now() - began_);
  if (backend_.gate.closed()) {
    held_ = ReadyAnswer{.response = response, .status = ToGrpcStatus(status)};
    next_ = [](UnaryCall& call) { call.SendHeld(); };
    if (backend_.gate.Hold(*this)) return;
    next_ = nullptr;
    held_.reset();
  }
  Send(response, ToGrpcStatus(status));
}

void UnaryCall::SendHeld() {
  const ReadyAnswer answer = *std::exchange(held_, std::nullopt);
  Send(answer.response, answer.status);
}

void UnaryCall::Send(const grpc::ByteBuffer& response, const grpc::Status& status) {
  SendAndEnd(response, status);
  // A client that does not take its answer holds the answer, but neither a place nor its request.
  parsed_ = nullptr;
  request_ = {};
  result_.reset();
  arena_.Reset();
  backend_.request_bytes_in_flight.fetch_sub(std::exchange(request_bytes_, 0), std::memory_order_relaxed);
  backend_.unanswered.End();
}

void UnaryCall::End() {
  CAIRN_ASSERT(ended_ && next_ == nullptr, "ended={} waiting={}", ended_, next_ != nullptr);
  backend_.response_bytes_in_flight.fetch_sub(std::exchange(response_bytes_, 0), std::memory_order_relaxed);
  wait_status_ = absl::OkStatus();
  gone_ = false;
  ended_ = false;
}

}  // namespace cairn::kv::api
