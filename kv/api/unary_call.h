#pragma once

#include <absl/status/status.h>
#include <google/protobuf/arena.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string_view>

#include "kv/api/backend.h"
#include "kv/api/errors.h"
#include "kv/api/mailbox.h"
#include "kv/api/methods.h"
#include "kv/api/wire.h"
#include "kv/apply/kv_result.h"
#include "kv/model/command.h"

namespace cairn::kv::api {

// One unary request on its way through the server. A service is a function that takes one of these, looks at
// the request, and either ends it at once (Answer, Refuse) or names what it waits for and the step that goes
// on then. Every step runs on the thread of the call's poller, so a call needs no lock; what it waits for may
// answer on any thread.
//
// Each call ends with exactly one Answer() or Refuse(); nothing may be done with it afterwards.
class UnaryCall : private Mail {
 public:
  using Step = void (*)(UnaryCall& call);

  [[nodiscard]] Backend& backend() { return backend_; }
  [[nodiscard]] MethodIndex method() const { return method_; }

  // The request as the client encoded it. Until the end of the call.
  [[nodiscard]] std::string_view request_bytes() const { return request_.bytes(); }

  // The request as an object, in the call's arena; null, and the call refused, if it is malformed.
  template <class Request>
  Request* Parse();
  // What Parse() returned, for later steps. REQUIRES: Parse<Request>() succeeded.
  template <class Request>
  [[nodiscard]] const Request& parsed() const {
    return *static_cast<const Request*>(parsed_);
  }

  // Replicates the request as it was received and answers with its result.
  void Propose(CommandKind kind);
  // The same, but goes on with `next`, which finds the result in result().
  void ProposeThen(CommandKind kind, Step next);
  // Waits for a linearizable point, then goes on with `next`.
  void AfterReadBarrier(Step next);
  // Takes a slot for somebody else's callback: exactly one Wake() must follow, from any thread.
  void Wait(Step next);
  void Wake(absl::Status status, std::unique_ptr<raft::ApplyResult> result = nullptr);
  // Runs `job` on a worker's thread; `next` finds what it returned in result(). Refused if too much waits
  // there already, and not begun if nobody waits for the answer by then.
  void OnWorker(Worker& worker, absl::AnyInvocable<absl::StatusOr<KvResult>(Backend&)> job, Step next);

  // In a step after a wait: true, and the call refused, if the wait failed or the client has gone.
  [[nodiscard]] bool RefusedAfterWait();
  [[nodiscard]] const absl::Status& wait_status() const { return wait_status_; }
  [[nodiscard]] KvResult& result() { return static_cast<KvResult&>(*result_); }
  // Set when the client has gone. While the call waits, any thread may look.
  [[nodiscard]] const std::atomic<bool>& gone() const { return gone_; }

  void Answer(Revision revision, const EncodedMessage& body);  // With a header of this member.
  void Answer(const google::protobuf::MessageLite& response);  // Header, if any, is in it already.
  void Refuse(const absl::Status& status);

  // Any thread: the gate that held this call's answer has opened.
  void LetGo() { mailbox_.Push(*this); }

 protected:
  UnaryCall(Backend& backend, Mailbox& mailbox) : backend_(backend), mailbox_(mailbox) {}
  virtual ~UnaryCall() = default;

  // For the transport, in this order: Begin(), which runs `service` or refuses; after SendAndEnd() has been
  // called and all is sent, End(). Then the object may be used for another call.
  void Begin(MethodIndex method, Step service, grpc::ServerContext& context, const grpc::ByteBuffer& request);
  void SetGone();  // The client has cancelled or vanished.
  // Answered or refused, and SendAndEnd() was called: the gate may keep an answer back.
  [[nodiscard]] bool ended() const { return ended_ && !held_; }
  void End();

  virtual void SendAndEnd(const grpc::ByteBuffer& response, const grpc::Status& status) = 0;

 private:
  void OnMail() final;
  bool Admit(const grpc::ServerContext& context, const grpc::ByteBuffer& request);
  void Finish(const grpc::ByteBuffer& response, const absl::Status& status);
  void Send(const grpc::ByteBuffer& response, const grpc::Status& status);
  void SendHeld();
  [[nodiscard]] bool DeadlineIsOver() const { return deadline_ <= std::chrono::steady_clock::now(); }
  [[nodiscard]] absl::Status StillWanted() const;  // Any thread, while the call waits.

  Backend& backend_;
  Mailbox& mailbox_;

  MethodIndex method_ = 0;
  ReceivedMessage request_;
  const void* parsed_ = nullptr;
  std::chrono::steady_clock::time_point began_;
  std::chrono::steady_clock::time_point deadline_;  // Does not change from Begin() to End().
  std::size_t request_bytes_ = 0;                   // In request_bytes_in_flight.
  std::size_t response_bytes_ = 0;                  // In response_bytes_in_flight.
  std::atomic<bool> gone_{false};
  bool ended_ = false;

  struct ReadyAnswer {
    grpc::ByteBuffer response;
    grpc::Status status;
  };
  std::optional<ReadyAnswer> held_;  // While the gate keeps it back.

  Step next_ = nullptr;
  absl::Status wait_status_;
  std::unique_ptr<raft::ApplyResult> result_;

  // The requests of ordinary puts and gets fit the first block, which is never given back.
  static constexpr std::size_t kFirstBlock = 1024;
  alignas(16) std::array<char, kFirstBlock> first_block_;
  google::protobuf::Arena arena_{first_block_.data(), first_block_.size()};
};

// Whether the client asks for a leader, and counts which API version it speaks.
struct ClientMetadata {  // Views into the context.
  bool require_leader = false;
  std::string_view api_version;
};
ClientMetadata ReadMetadata(const grpc::ServerContext& context);
bool IsUtf8(std::string_view text);

template <class Request>
Request* UnaryCall::Parse() {
  auto* request = google::protobuf::Arena::CreateMessage<Request>(&arena_);
  const std::string_view bytes = request_bytes();
  if (!request->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    Refuse(MalformedRequest(Request::descriptor()->name()));
    return nullptr;
  }
  parsed_ = request;
  return request;
}

}  // namespace cairn::kv::api
