#pragma once

#include <absl/status/status.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/support/async_stream.h>

#include <chrono>
#include <memory>
#include <optional>

#include "kv/api/cq_tag.h"
#include "kv/api/methods.h"
#include "kv/api/poller.h"

namespace cairn::kv::api {

class GenericCall;

// What a streaming RPC does. Owned by its GenericCall, called on the poller's thread only; may call the
// GenericCall from within any of these.
class StreamDriver {
 public:
  virtual ~StreamDriver() = default;

  virtual void Start() = 0;
  virtual void OnRead(const grpc::ByteBuffer& message) = 0;
  virtual void OnHalfClosed() {}  // The client sends no more; it still receives.
  virtual void OnWritten() {}     // Room for the next Write().
  // The client has cancelled or vanished. Nothing need be sent any more; the driver is destroyed as soon as
  // it can retire.
  virtual void OnGone() {}
  // Whether the driver may be destroyed now. False while a callback is on its way to it. True is final: the
  // driver has made sure, in the same step, that no callback will come; asking first and detaching later
  // would leave a moment in which another thread posts a driver that is about to go.
  [[nodiscard]] virtual bool Retire() { return true; }
};

// Every call that is not one of HotService's: streams, and the unary calls that are rare. One object per
// call; while it runs it belongs to the completion queue and deletes itself when its last event has come.
//
// For drivers: at most one Read() and one Write() at a time, Finish() once.
class GenericCall {
 public:
  // Posts a call that waits for a client.
  static void Arm(Poller& poller, grpc::AsyncGenericService& service);

  void Read();
  void Write(const grpc::ByteBuffer& message);
  // A message and OK at once.
  void WriteAndFinish(const grpc::ByteBuffer& message);
  // Waits for a write that is under way.
  void Finish(const absl::Status& status);

  [[nodiscard]] Poller& poller() { return poller_; }
  [[nodiscard]] Backend& backend() { return poller_.backend(); }
  [[nodiscard]] MethodIndex method() const { return method_; }
  [[nodiscard]] grpc::ServerContext& context() { return context_; }
  [[nodiscard]] bool finished() const { return finish_called_; }
  [[nodiscard]] bool gone() const { return done_; }
  [[nodiscard]] bool reading() const { return reading_; }
  [[nodiscard]] bool half_closed() const { return half_closed_; }
  // The driver can retire, or may be able to: see whether the call is over. May destroy both.
  void EndIfOver();

  // From the poller.
  void LeaderLost();
  void ServerStopping();

 private:
  GenericCall(Poller& poller, grpc::AsyncGenericService& service);
  ~GenericCall();

  void OnArrived(bool ok);
  void OnReadDone(bool ok);
  void OnWriteDone(bool ok);
  void OnFinished(bool ok);
  void OnDone(bool ok);
  void Dispatch();
  [[nodiscard]] bool is_stream() const;

  Poller& poller_;
  grpc::AsyncGenericService& service_;
  grpc::GenericServerContext context_;
  grpc::GenericServerAsyncReaderWriter stream_{&context_};
  grpc::ByteBuffer incoming_;

  std::optional<MethodIndex> known_method_;
  MethodIndex method_ = 0;  // Meaningless if there is no known_method_.
  std::unique_ptr<StreamDriver> driver_;
  std::chrono::steady_clock::time_point began_;
  bool require_leader_ = false;

  bool reading_ = false;
  bool half_closed_ = false;
  bool writing_ = false;
  bool finishing_ = false;      // The operation is under way.
  bool finish_called_ = false;  // Nothing but the end may follow.
  std::optional<absl::Status> finish_after_write_;
  bool done_ = false;
  bool counted_ = false;  // In grpc_server_handled_total.
  int inside_ = 0;        // Depth of calls of ours on the stack: the object must stay.

  MemberTag<GenericCall, &GenericCall::OnArrived> arrived_tag_{this};
  MemberTag<GenericCall, &GenericCall::OnReadDone> read_tag_{this};
  MemberTag<GenericCall, &GenericCall::OnWriteDone> write_tag_{this};
  MemberTag<GenericCall, &GenericCall::OnFinished> finish_tag_{this};
  MemberTag<GenericCall, &GenericCall::OnDone> done_tag_{this};
};

}  // namespace cairn::kv::api
