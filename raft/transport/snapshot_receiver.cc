#include "raft/transport/snapshot_receiver.h"

#include <utility>

#include "raft/base/assert.h"
#include "raft/base/probe.h"
#include "raft/base/status.h"
#include "raft/transport/sabotage.h"
#include "raft/transport/silence_watch.h"

namespace cairn::raft {
namespace {

// Streams that have come in, introduced or not; more are turned away. One of the introduced has a sink, the
// others are being ended.
constexpr std::size_t kMaxStreams = 32;

// Of those, streams that are not introduced: for one more the oldest has to go (peers.cc says why).
constexpr std::size_t kMaxStrangers = 16;

// For the first message, which a stranger may have sent; a manifest is a list of file names.
constexpr std::size_t kMaxBeginBytes = 1 << 20;

}  // namespace

class SnapshotReceiver::Incoming final : public StreamEvents, public std::enable_shared_from_this<Incoming> {
 public:
  static void Accept(SnapshotReceiver& receiver) {
    std::shared_ptr<Incoming> incoming(new Incoming(receiver));
    incoming->stream_ = AcceptedStream::Wait(receiver.loop_, incoming,
                                             [&](grpc::ServerContext* context, AcceptedStream::Stream* stream,
                                                 void* tag) { receiver.request_(context, stream, tag); });
  }

  [[nodiscard]] Term term() const { return term_; }

  // Somebody else writes from now on.
  void Abandon() {
    sink_.reset();
    stream_->Cancel();
  }

  void Cancel() { stream_->Cancel(); }

 private:
  explicit Incoming(SnapshotReceiver& receiver) : receiver_(receiver) {}

  void OnOpened() override {
    timer_ = receiver_.loop_.After(receiver_.environment_.options.hello_timeout, [self = weak_from_this()] {
      if (const auto incoming = self.lock()) {
        incoming->timer_.reset();
        incoming->Cancel();
      }
    });
    receiver_.OnAccepted(shared_from_this());
    stream_->Read();
  }

  void OnRead(const grpc::ByteBuffer& message) override {
    if (!begun_ && message.Length() > kMaxBeginBytes) {
      return Refuse(
          absl::FailedPreconditionError("the first message is too long for a snapshot's beginning"));
    }
    absl::StatusOr<SnapshotPart> part = DecodeSnapshotPart(message);
    const absl::Status handled = part.ok() ? Handle(*part) : part.status();
    if (!handled.ok()) Refuse(handled);
    watch_.Heard();  // Only now: how long this took is not the sender's silence.
  }

  absl::Status Handle(SnapshotPart& part) {
    if (!begun_) {
      auto* begin = std::get_if<SnapshotBegin>(&part);
      if (begin == nullptr)
        return absl::FailedPreconditionError("the first message does not begin a snapshot");
      return Begin(*begin);
    }
    if (sink_ == nullptr) return absl::AbortedError("the snapshot was abandoned");
    if (const auto* chunk = std::get_if<SnapshotChunk>(&part)) return Take(*chunk);
    if (std::holds_alternative<SnapshotEnd>(part)) return Finish();
    return absl::FailedPreconditionError("a message that does not belong into a snapshot");
  }

  absl::Status Begin(const SnapshotBegin& begin) {
    if (timer_) receiver_.loop_.Cancel(*std::exchange(timer_, std::nullopt));
    begun_ = true;
    absl::StatusOr<std::shared_ptr<PeerLink>> link = receiver_.peers_.Admit(begin.hello);
    if (!link.ok()) {
      receiver_.peers_.TellOfStranger(std::string(MessageOf(link.status())));
      return link.status();
    }
    receiver_.OnIntroduced(shared_from_this());
    from_ = begin.hello.member;
    term_ = begin.term;
    watch_.Start(receiver_.environment_.options.snapshot_silence, [this] { CutOff(); });
    if (!receiver_.TakePlace(shared_from_this())) {
      return absl::AbortedError("a snapshot of a later term is coming in");
    }
    if (!receiver_.environment_.hooks.receive_snapshot) {
      return absl::FailedPreconditionError("this node takes no snapshots");
    }
    CAIRN_ASSIGN_OR_RETURN(sink_, receiver_.environment_.hooks.receive_snapshot(begin.meta, begin.manifest));
    receiver_.TellOfBegin(from_, begin.meta.last.index);
    Write(SnapshotResume{.from = sink_->next()});
    stream_->Read();
    return absl::OkStatus();
  }

  // The sender is gone without a word, and its sink is in the way of the next one. Or it does not take the
  // answer.
  void CutOff() {
    CAIRN_PROBE("snapshot_sender_silent");
    if (!received_) {
      receiver_.environment_.Tell(
          Environment::Severity::kWarning,
          fmt::format("a snapshot from member {:x} was cut off: the sender fell silent", from_));
    }
    Cancel();
  }

  absl::Status Take(const SnapshotChunk& chunk) {
    // The end of an empty file may be where the sink stands already.
    const bool passed_empty_file = chunk.bytes.empty() && chunk.at != sink_->next();
    if (!passed_empty_file) {
      if (!Broken(TransportRule::kChunkInPlace) && chunk.at != sink_->next()) {
        return absl::AbortedError(fmt::format("bytes of file {} at {} where file {} at {} goes on",
                                              chunk.at.file, chunk.at.offset, sink_->next().file,
                                              sink_->next().offset));
      }
      CAIRN_RETURN_IF_ERROR(sink_->Write(chunk.at, chunk.bytes.bytes()));
      receiver_.counters_.bytes.fetch_add(chunk.bytes.size(), std::memory_order_relaxed);
    }
    stream_->Read();
    return absl::OkStatus();
  }

  absl::Status Finish() {
    CAIRN_RETURN_IF_ERROR(sink_->Finish());
    received_ = true;
    receiver_.counters_.received.fetch_add(1, std::memory_order_relaxed);
    receiver_.environment_.Tell(
        Environment::Severity::kInfo,
        fmt::format("received the snapshot at index {} from member {:x}", sink_->meta().last.index, from_));
    receiver_.environment_.events->OnSnapshotReceived(from_, term_, std::move(sink_));
    Write(SnapshotReceived{});
    return absl::OkStatus();
  }

  void Refuse(const absl::Status& why) {
    const auto code =
        static_cast<grpc::StatusCode>(why.code());  // gRPC's codes and Abseil's are the same numbers.
    stream_->Finish(grpc::Status(code, std::string(MessageOf(why))));
  }

  // One answer at a time, each to a message of the sender's: nothing else is being written.
  void Write(const SnapshotPart& part) {
    if (stream_->ClaimWrite()) stream_->Write(EncodeSnapshotPart(part));
  }

  void OnWritten() override {
    if (received_) stream_->Finish(grpc::Status::OK);
  }

  void OnEnded(const grpc::Status& /*status*/) override {
    if (timer_) receiver_.loop_.Cancel(*std::exchange(timer_, std::nullopt));
    watch_.Stop();
    if (begun_ && !received_) receiver_.counters_.failures.fetch_add(1, std::memory_order_relaxed);
    sink_.reset();
    receiver_.OnOver(shared_from_this());
  }

  SnapshotReceiver& receiver_;
  std::shared_ptr<ByteStream> stream_;
  std::optional<CompletionLoop::Timer> timer_;  // Cancels a stream that does not begin in time.
  SilenceWatch watch_{receiver_.loop_};         // From the beginning on, one that stops in the middle.
  bool begun_ = false;
  bool received_ = false;
  NodeId from_;
  Term term_;
  std::unique_ptr<SnapshotSink> sink_;  // From the beginning until the end was checked.
};

void SnapshotReceiver::Listen(Request request) {
  request_ = std::move(request);
  AcceptNext();
}

void SnapshotReceiver::AcceptNext() {
  if (!closed_) Incoming::Accept(*this);
}

void SnapshotReceiver::OnAccepted(const std::shared_ptr<Incoming>& incoming) {
  streams_.insert(incoming);
  strangers_in_.push_back(incoming);
  if (closed_ || streams_.size() > kMaxStreams) incoming->Cancel();
  if (strangers_in_.size() > kMaxStrangers) {
    CAIRN_PROBE("snapshot_stranger_pushed_out");
    strangers_in_.front()->Cancel();
    strangers_in_.pop_front();
  }
  AcceptNext();
}

void SnapshotReceiver::OnIntroduced(const std::shared_ptr<Incoming>& incoming) {
  std::erase(strangers_in_, incoming);
}

bool SnapshotReceiver::TakePlace(const std::shared_ptr<Incoming>& incoming) {
  if (current_ != nullptr) {
    if (current_->term() > incoming->term()) return false;
    current_->Abandon();
  }
  current_ = incoming;
  return true;
}

void SnapshotReceiver::TellOfBegin(NodeId from, Index index) {
  if (std::exchange(told_of_, std::pair(from, index)) == std::pair(from, index)) return;
  environment_.Tell(Environment::Severity::kInfo,
                    fmt::format("receiving the snapshot at index {} from member {:x}", index, from));
}

void SnapshotReceiver::OnOver(const std::shared_ptr<Incoming>& incoming) {
  streams_.erase(incoming);
  std::erase(strangers_in_, incoming);
  if (current_ == incoming) current_.reset();
}

void SnapshotReceiver::Close() {
  closed_ = true;
  for (const auto& incoming : streams_) incoming->Cancel();
}

}  // namespace cairn::raft
