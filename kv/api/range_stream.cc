#include "kv/api/range_stream.h"

#include <google/protobuf/arena.h>

#include <atomic>
#include <optional>
#include <string>
#include <utility>

#include "etcd/rpc.pb.h"
#include "kv/api/errors.h"
#include "kv/api/kv_service.h"
#include "kv/api/range_chunks.h"
#include "kv/api/wire.h"
#include "kv/apply/validate.h"
#include "kv/model/errors.h"
#include "raft/base/status.h"

namespace cairn::kv::api {
namespace {

using etcdserverpb::RangeRequest;

constexpr std::size_t kChunkBytes = 1 << 20;

absl::Status ValidateStream(const RangeRequest& request) {
  CAIRN_RETURN_IF_ERROR(CheckRange(request));
  const bool by_key =
      request.sort_target() == RangeRequest::KEY && request.sort_order() != RangeRequest::DESCEND;
  if (request.sort_order() != RangeRequest::NONE && !by_key) {
    return absl::UnimplementedError("RangeStream does not support custom sort orders");
  }
  if (request.sort_order() == RangeRequest::NONE && request.sort_target() != RangeRequest::KEY) {
    return absl::UnimplementedError("RangeStream does not support custom sort orders");
  }
  if (request.min_mod_revision() != 0 || request.max_mod_revision() != 0 ||
      request.min_create_revision() != 0 || request.max_create_revision() != 0) {
    return absl::UnimplementedError("RangeStream does not support revision filters");
  }
  return absl::OkStatus();
}

// RangeStreamResponse{range_response = `message`}.
EncodedMessage Wrap(EncodedMessage message) {
  std::string prefix(1, static_cast<char>(1 << 3 | 2));
  std::size_t size = SizeOf(message);
  for (; size >= 0x80; size >>= 7) prefix.push_back(static_cast<char>(size | 0x80));
  prefix.push_back(static_cast<char>(size));
  message.insert(message.begin(), Bytes::Own(std::move(prefix)));
  return message;
}

// The whole answer is taken from one view of the store, within the bound of an ordinary Range; what streaming
// saves is the client's memory and the size of a message.
class RangeStream final : public StreamDriver, private Mail {
 public:
  explicit RangeStream(GenericCall& call) : call_(call) {}
  ~RangeStream() override { Drop(); }

  void Start() override { call_.Read(); }

  void OnRead(const grpc::ByteBuffer& message) override {
    const ReceivedMessage received = Contiguous(message);
    if (!request_->ParseFromArray(received.bytes().data(), static_cast<int>(received.bytes().size()))) {
      return call_.Finish(MalformedRequest("RangeRequest"));
    }
    if (const absl::Status valid = ValidateStream(*request_); !valid.ok()) return call_.Finish(valid);
    if (request_->serializable()) return ReadOnWorker();
    waiting_ = true;
    call_.backend().deps.group.ReadBarrier([this](absl::Status status) {
      wait_status_ = std::move(status);
      call_.poller().mailbox().Push(*this);
    });
  }

  void OnHalfClosed() override { call_.Finish(RequestMissing()); }
  void OnWritten() override { SendNext(); }
  void OnGone() override {
    gone_ = true;
    call_.backend().metrics.CountGone();
    Drop();
  }
  [[nodiscard]] bool Retire() override { return !waiting_; }

 private:
  void OnMail() override {
    waiting_ = false;
    if (!call_.finished() && !call_.gone()) {
      if (!wait_status_.ok()) {
        call_.Finish(ToEtcdError(wait_status_));
      } else if (answer_) {
        Begin(*std::exchange(answer_, std::nullopt));
      } else {
        ReadOnWorker();
      }
    }
    if (!waiting_) answer_.reset();  // Of a call that is over meanwhile.
    call_.EndIfOver();               // May destroy this.
  }

  // Who streams expects much.
  void ReadOnWorker() {
    waiting_ = call_.backend().range_worker.Run([this] {
      answer_ = ReadAll();
      call_.poller().mailbox().Push(*this);
    });
    if (!waiting_) call_.Finish(errors::TooManyRequests());
  }

  // On the worker's thread.
  absl::StatusOr<ReadAnswer> ReadAll() {
    Backend& backend = call_.backend();
    if (backend.stopping.load()) return errors::Stopped();
    if (gone_) return RequestCanceled();
    return backend.deps.reader.Range(*request_,
                                     {.max_bytes = backend.options.max_response_bytes, .abandoned = &gone_});
  }

  void Begin(absl::StatusOr<ReadAnswer> answer) {
    Backend& backend = call_.backend();
    if (!answer.ok()) return call_.Finish(ToEtcdError(answer.status()));
    bytes_ = SizeOf(answer->body);
    if (bytes_ >= kLargeAnswer && TooManyResponseBytes(backend)) {
      bytes_ = 0;
      return call_.Finish(errors::TooManyRequests());
    }
    // All of it is held until the last chunk has left.
    backend.response_bytes_in_flight.fetch_add(bytes_, std::memory_order_relaxed);
    revision_ = answer->revision;
    chunks_.emplace(std::move(answer->body), kChunkBytes);
    SendNext();
  }

  void SendNext() {
    if (!chunks_) return;
    call_.poller().LargeAnswerMoves(call_.context());
    if (std::optional<EncodedMessage> chunk = chunks_->Next()) {
      return call_.Write(EncodePieces(Wrap(*std::move(chunk))));
    }
    EncodedMessage last = chunks_->Rest();
    last.insert(last.begin(), Bytes::Own(EncodeHeader(call_.backend().Header(revision_))));
    call_.WriteAndFinish(EncodePieces(Wrap(std::move(last))));
  }

  void Drop() {
    chunks_.reset();
    call_.poller().LargeAnswerOver(call_.context());
    call_.backend().response_bytes_in_flight.fetch_sub(std::exchange(bytes_, 0), std::memory_order_relaxed);
  }

  GenericCall& call_;
  google::protobuf::Arena arena_;
  RangeRequest* request_ = google::protobuf::Arena::CreateMessage<RangeRequest>(&arena_);
  bool waiting_ = false;  // For Raft, or for the worker, which then writes `answer_`: hands off both.
  std::atomic<bool> gone_{false};  // gRPC cancels at the client's deadline: then as well.
  absl::Status wait_status_;
  std::optional<absl::StatusOr<ReadAnswer>> answer_;
  Revision revision_{0};
  std::optional<RangeChunks> chunks_;
  std::size_t bytes_ = 0;  // In response_bytes_in_flight.
};

}  // namespace

std::unique_ptr<StreamDriver> MakeRangeStream(GenericCall& call) {
  return std::make_unique<RangeStream>(call);
}

}  // namespace cairn::kv::api
