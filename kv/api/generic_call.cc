#include "kv/api/generic_call.h"

#include <utility>

#include "kv/api/dispatch.h"
#include "kv/api/errors.h"
#include "kv/api/unary_call.h"
#include "kv/model/errors.h"
#include "raft/base/assert.h"

namespace cairn::kv::api {
namespace {

// Delays EndIfOver() to the outermost of our frames.
class Inside {
 public:
  explicit Inside(int& depth) : depth_(depth) { ++depth_; }
  ~Inside() { --depth_; }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

 private:
  int& depth_;
};

}  // namespace

GenericCall::GenericCall(Poller& poller, grpc::AsyncGenericService& service)
    : poller_(poller), service_(service) {}

GenericCall::~GenericCall() = default;

void GenericCall::Arm(Poller& poller, grpc::AsyncGenericService& service) {
  poller.CallPosted();
  auto* call = new GenericCall(poller, service);  // The queue's.
  call->context_.AsyncNotifyWhenDone(static_cast<CqTag*>(&call->done_tag_));
  service.RequestCall(&call->context_, &call->stream_, &poller.queue(), &poller.queue(),
                      static_cast<CqTag*>(&call->arrived_tag_));
}

bool GenericCall::is_stream() const {
  return known_method_ && Methods()[*known_method_].shape != Shape::kUnary;
}

void GenericCall::OnArrived(bool ok) {
  if (!ok) {  // The server shuts down; no other event of this call will come.
    Poller& poller = poller_;
    delete this;
    poller.CallWithdrawn();
    return;
  }
  poller_.CallBegan();
  Arm(poller_, service_);
  began_ = std::chrono::steady_clock::now();
  known_method_ = FindMethod(context_.method());
  method_ = known_method_.value_or(0);
  {
    const Inside inside(inside_);
    Dispatch();
  }
  EndIfOver();
}

void GenericCall::Dispatch() {
  if (!known_method_) return Finish(UnknownMethod(context_.method()));
  if (is_stream()) {
    poller_.StreamBegan(*this);
    const std::size_t streams = backend().streams.fetch_add(1, std::memory_order_relaxed) + 1;
    backend().metrics.Started(method_);
    const ClientMetadata metadata = ReadMetadata(context_);
    backend().metrics.CountClient(Methods()[method_].shape,
                                  IsUtf8(metadata.api_version) ? metadata.api_version : "");
    require_leader_ = metadata.require_leader;
    if (backend().draining.load(std::memory_order_acquire)) return Finish(errors::Stopped());
    if (streams > backend().options.max_streams) return Finish(errors::TooManyRequests());
    if (!IsUtf8(metadata.api_version)) return Finish(InvalidClientApiVersion());
    if (require_leader_ && !backend().deps.group.has_leader()) return Finish(errors::NoLeader());
  }
  driver_ = MakeDriver(*this);
  driver_->Start();
}

void GenericCall::Read() {
  CAIRN_ASSERT(!reading_, "one read at a time");
  if (finish_called_ || done_) return;
  reading_ = true;
  stream_.Read(&incoming_, static_cast<CqTag*>(&read_tag_));
}

void GenericCall::OnReadDone(bool ok) {
  reading_ = false;
  if (!ok) half_closed_ = true;
  {
    const Inside inside(inside_);
    if (!finish_called_ && !done_) {
      if (ok) {
        const std::size_t limit = backend().options.receive_limit();
        if (is_stream()) backend().metrics.Received(method_, incoming_.Length());
        if (incoming_.Length() > limit && is_stream()) {
          Finish(MessageTooLarge(incoming_.Length(), limit));
        } else {
          driver_->OnRead(incoming_);
        }
      } else {
        driver_->OnHalfClosed();
      }
    }
    incoming_.Clear();
  }
  EndIfOver();
}

void GenericCall::Write(const grpc::ByteBuffer& message) {
  CAIRN_ASSERT(!writing_ && !finish_called_, "writing={} finished={}", writing_, finish_called_);
  if (done_) return;
  writing_ = true;
  backend().metrics.Sent(method_, message.Length());
  stream_.Write(message, static_cast<CqTag*>(&write_tag_));
}

void GenericCall::OnWriteDone(bool ok) {
  writing_ = false;
  {
    const Inside inside(inside_);
    if (finish_after_write_) {
      finishing_ = true;
      stream_.Finish(ToGrpcStatus(*std::exchange(finish_after_write_, std::nullopt)),
                     static_cast<CqTag*>(&finish_tag_));
    } else if (ok && !finish_called_) {
      driver_->OnWritten();
    }
    // Not ok: the client is gone, and OnDone() says so.
  }
  EndIfOver();
}

void GenericCall::WriteAndFinish(const grpc::ByteBuffer& message) {
  CAIRN_ASSERT(!writing_ && !finish_called_, "writing={} finished={}", writing_, finish_called_);
  finish_called_ = true;
  finishing_ = true;
  if (is_stream()) {
    counted_ = true;
    backend().metrics.Sent(method_, message.Length());
    backend().metrics.Handled(method_, absl::StatusCode::kOk, std::chrono::steady_clock::now() - began_);
  }
  stream_.WriteAndFinish(message, grpc::WriteOptions(), grpc::Status::OK, static_cast<CqTag*>(&finish_tag_));
}

void GenericCall::Finish(const absl::Status& status) {
  CAIRN_ASSERT(!finish_called_, "finished twice");
  finish_called_ = true;
  if (is_stream()) {
    counted_ = true;
    backend().metrics.Handled(method_, status.code(), std::chrono::steady_clock::now() - began_);
  }
  if (writing_) {
    finish_after_write_ = status;
    return;
  }
  finishing_ = true;
  stream_.Finish(ToGrpcStatus(status), static_cast<CqTag*>(&finish_tag_));
}

void GenericCall::OnFinished(bool /*ok*/) {
  finishing_ = false;
  EndIfOver();
}

void GenericCall::OnDone(bool /*ok*/) {
  done_ = true;
  {
    const Inside inside(inside_);
    if (driver_ && context_.IsCancelled()) driver_->OnGone();
  }
  EndIfOver();
}

void GenericCall::LeaderLost() {
  if (!require_leader_ || finish_called_ || done_) return;
  const Inside inside(inside_);
  Finish(errors::NoLeader());
}

void GenericCall::ServerStopping() {
  if (finish_called_ || done_) return;
  const Inside inside(inside_);
  Finish(errors::Stopped());
}

void GenericCall::EndIfOver() {
  if (inside_ > 0 || !done_ || reading_ || writing_ || finishing_) return;
  if (driver_ && !driver_->Retire()) return;  // The last condition: true is final.
  if (is_stream()) {
    poller_.StreamEnded(*this);
    backend().streams.fetch_sub(1, std::memory_order_relaxed);
    if (!counted_) {
      const auto duration = std::chrono::steady_clock::now() - began_;
      backend().metrics.Handled(method_, absl::StatusCode::kCancelled, duration);
    }
  }
  Poller& poller = poller_;
  delete this;
  poller.CallEnded();
}

}  // namespace cairn::kv::api
