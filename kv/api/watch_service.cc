#include "kv/api/watch_service.h"

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>
#include <google/protobuf/arena.h>

#include <cstddef>
#include <optional>
#include <utility>

#include "etcd/rpc.pb.h"
#include "kv/api/errors.h"
#include "kv/api/wire.h"
#include "kv/watch/hub.h"
#include "kv/watch/watch_stream.h"

namespace cairn::kv::api {
namespace {

// A client that sends requests and takes no answers is not read from beyond this many, so that the answers it
// is owed stay bounded.
constexpr std::size_t kMaxUnanswered = 1024;

class WatchDriver final : public StreamDriver, private Mail {
 public:
  explicit WatchDriver(GenericCall& call) : call_(call), waker_(std::make_shared<Waker>(*this)) {}
  ~WatchDriver() override { NothingIsOnItsWay(); }

  void Start() override {
    stream_ = call_.backend().deps.hub.OpenStream([waker = waker_] { waker->Wake(); });
    call_.Read();
    Pump();
  }

  void OnRead(const grpc::ByteBuffer& message) override {
    const ReceivedMessage received = Contiguous(message);
    google::protobuf::Arena arena;
    auto* request = google::protobuf::Arena::CreateMessage<etcdserverpb::WatchRequest>(&arena);
    if (!request->ParseFromArray(received.bytes().data(), static_cast<int>(received.bytes().size()))) {
      return call_.Finish(MalformedRequest("WatchRequest"));
    }
    stream_->Handle(*request);
    if (!writing_) Pump();
    ReadOn();
  }

  void OnWritten() override {
    writing_ = false;
    NothingIsOnItsWay();
    Pump();
    ReadOn();
  }

  // OnHalfClosed(): nothing. A client that has no more to ask still wants its events.

  void OnGone() override {
    NothingIsOnItsWay();
    stream_.reset();
  }

  [[nodiscard]] bool Retire() override { return waker_->DetachUnlessPending(); }

 private:
  // The hub keeps it, and may call it while the driver goes away.
  class Waker {
   public:
    explicit Waker(WatchDriver& driver) : driver_(&driver) {}
    void Wake() {
      const absl::MutexLock lock(&mu_);
      if (driver_ == nullptr || pending_) return;
      pending_ = true;
      driver_->call_.poller().mailbox().Push(*driver_);
    }
    void Delivered() {
      const absl::MutexLock lock(&mu_);
      pending_ = false;
    }
    // False while the driver is in the mailbox; else it never will be again.
    bool DetachUnlessPending() {
      const absl::MutexLock lock(&mu_);
      if (pending_) return false;
      driver_ = nullptr;
      return true;
    }

   private:
    absl::Mutex mu_;
    WatchDriver* driver_ ABSL_GUARDED_BY(mu_);
    bool pending_ ABSL_GUARDED_BY(mu_) = false;  // In the mailbox: the driver must stay.
  };

  void OnMail() override {
    waker_->Delivered();
    if (!writing_) Pump();
    ReadOn();
    call_.EndIfOver();  // May destroy this.
  }

  // Sends the next response if there is one; otherwise the hub will wake us.
  void Pump() {
    if (stream_ == nullptr || call_.finished()) return;
    const std::optional<EncodedMessage> response = stream_->Take();
    if (!response) return;
    writing_ = true;
    const grpc::ByteBuffer message = EncodePieces(*response);
    // Who takes nothing must not keep the budget of large responses (WatchOptions) from the others for ever.
    // A smaller one costs no more than the watch itself.
    if (message.Length() > call_.backend().options.receive_limit())
      call_.poller().LargeAnswerMoves(call_.context());
    call_.Write(message);
  }

  void NothingIsOnItsWay() { call_.poller().LargeAnswerOver(call_.context()); }

  // That Take() has nothing does not say that nothing is owed: it may be searching between two pieces.
  void ReadOn() {
    if (stream_ == nullptr || call_.reading() || call_.half_closed()) return;
    if (stream_->answers_waiting() < kMaxUnanswered) call_.Read();
  }

  GenericCall& call_;
  std::shared_ptr<Waker> waker_;
  std::unique_ptr<WatchStream> stream_;  // Null once the client has gone.
  bool writing_ = false;
};

}  // namespace

std::unique_ptr<StreamDriver> MakeWatchStream(GenericCall& call) {
  return std::make_unique<WatchDriver>(call);
}

}  // namespace cairn::kv::api
