#include "raft/transport/exchange.h"

#include <utility>

#include "raft/base/assert.h"
#include "raft/base/status.h"
#include "raft/transport/codec.h"
#include "raft/transport/sabotage.h"

namespace cairn::raft {
namespace {

constexpr char kMethod[] = "/cairn.raft.wire.Peer/Exchange";

// Nobody sends more before it has introduced itself; strangers get no memory from us.
constexpr std::size_t kMaxGreetingBytes = 4096;

}  // namespace

std::shared_ptr<Exchange> Exchange::Dial(const Environment& environment, CompletionLoop& loop,
                                         ExchangeHost& host, const std::shared_ptr<grpc::Channel>& channel,
                                         NodeId peer) {
  std::shared_ptr<Exchange> exchange(new Exchange(environment, loop, host, peer));
  exchange->StartTimer();
  exchange->stream_ = DialledStream::Start(loop, channel, kMethod, DialledStream::Wait::kYes, exchange);
  return exchange;
}

std::shared_ptr<Exchange> Exchange::Accept(
    const Environment& environment, CompletionLoop& loop, ExchangeHost& host,
    absl::AnyInvocable<void(grpc::ServerContext*, AcceptedStream::Stream*, void* tag)> request) {
  std::shared_ptr<Exchange> exchange(new Exchange(environment, loop, host, std::nullopt));
  exchange->stream_ = AcceptedStream::Wait(loop, exchange, std::move(request));
  return exchange;
}

void Exchange::StartTimer() {
  timer_ = loop_.After(environment_.options.hello_timeout, [self = weak_from_this()] {
    if (const auto exchange = self.lock()) {
      exchange->timer_.reset();
      // One that we refused may stay on; why we did is the better reason.
      if (exchange->reason_.empty()) exchange->reason_ = "it did not introduce itself in time";
      exchange->Cancel();
    }
  });
}

void Exchange::OnOpened() {
  if (dialled()) {
    Write({.hello = Introduce(environment_.self, *peer_),
           .refused = {},
           .messages = {},
           .ping = {},
           .pong = {}});
  } else {
    StartTimer();
    host_.OnAccepted(shared_from_this());
  }
  stream_->Read();
}

absl::StatusOr<Frame> Exchange::Check(const grpc::ByteBuffer& message) const {
  if (state_ == State::kConnecting && message.Length() > kMaxGreetingBytes) {
    return absl::FailedPreconditionError("the first message is too long for an introduction");
  }
  CAIRN_ASSIGN_OR_RETURN(Frame frame, DecodeFrame(message));
  if (state_ == State::kConnecting && !frame.hello && frame.refused.empty()) {
    return absl::FailedPreconditionError("the first message is no introduction");
  }
  return frame;
}

void Exchange::OnRead(const grpc::ByteBuffer& message) {
  if (state_ == State::kRefused) return;
  absl::StatusOr<Frame> frame = Check(message);
  if (!frame.ok()) return agreed() ? BreakOff(frame.status()) : Refuse(frame.status());
  if (!frame->refused.empty()) {
    state_ = State::kRefused;
    refused_ = true;
    reason_ = Printable(frame->refused);
    if (dialled()) return Cancel();  // The call is the other side's to finish, and it may not.
    host_.OnTurnedAway(reason_);
    return stream_->Finish(grpc::Status::OK);
  }
  if (state_ == State::kConnecting) {
    Greet(*frame);
  } else {
    if (state_ == State::kConfirming) Agree();
    // Without messages it was only the confirmation.
    if (agreed() && !frame->messages.empty()) link_->Receive(*std::move(frame), message.Length());
  }
  if (state_ != State::kRefused) stream_->Read();
}

void Exchange::Greet(const Frame& frame) {
  const Hello& hello = *frame.hello;
  if (dialled() && hello.member != *peer_) {
    return Refuse(absl::FailedPreconditionError(fmt::format(
        "member {:x} answers where member {:x} should: check the peer URLs", hello.member, *peer_)));
  }
  // One stream for each pair; that each side knows who dials keeps them from making two.
  if (!dialled() && hello.member > environment_.self.self) {
    return Refuse(absl::FailedPreconditionError(fmt::format(
        "member {:x} dialled member {:x}, but the lower id dials", hello.member, environment_.self.self)));
  }
  hello_ = hello;
  if (dialled()) {
    Agree();
  } else {
    absl::StatusOr<std::shared_ptr<PeerLink>> link = host_.Admit(hello);
    if (!link.ok()) return Refuse(link.status());
    link_ = *std::move(link);
    host_.OnIntroduced(shared_from_this());
    Write({.hello = Introduce(environment_.self, hello.member),
           .refused = {},
           .messages = {},
           .ping = {},
           .pong = {}});
    state_ = State::kConfirming;
    if (Broken(TransportRule::kConfirmBeforeAgreed)) Agree();
  }
}

void Exchange::Agree() {
  // On the accepting side the membership may have changed since the hello was let in, and whoever changed it
  // could only end streams that were up. From here on this one is.
  absl::StatusOr<std::shared_ptr<PeerLink>> link = host_.Admit(*hello_);
  if (!link.ok()) return Refuse(link.status());
  link_ = *std::move(link);
  if (dialled()) Write(Frame());
  if (timer_) loop_.Cancel(*std::exchange(timer_, std::nullopt));
  state_ = State::kAgreed;
  agreed_at_ = CompletionLoop::Clock::now();
  host_.OnAgreed(shared_from_this(), link_->Attach(stream_));
}

void Exchange::BreakOff(const absl::Status& why) {
  state_ = State::kRefused;
  reason_ = MessageOf(why);
  if (dialled()) return Cancel();  // Other frames are on their way out; the break alone has to say it.
  stream_->Finish(grpc::Status(grpc::StatusCode::DATA_LOSS, reason_));
}

void Exchange::Refuse(const absl::Status& why) {
  state_ = State::kRefused;
  reason_ = MessageOf(why);
  refused_ = true;
  if (!dialled()) {
    host_.OnTurnedAway(reason_);
    return stream_->Finish(grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, reason_));
  }
  Write({.hello = {}, .refused = reason_, .messages = {}, .ping = {}, .pong = {}}, ByteStream::Last::kYes);
  stream_->Read();  // Sees the other side's end.
}

void Exchange::Write(const Frame& frame, ByteStream::Last last) {
  if (stream_->ClaimWrite()) {
    stream_->Write(EncodeFrame(frame), last);
  } else {
    // The answer to our hello can be here before gRPC says that the hello has left.
    waiting_ = Waiting{.frame = frame, .last = last};
  }
}

void Exchange::OnWritten() {
  if (waiting_) {
    const Waiting next = *std::exchange(waiting_, std::nullopt);
    Write(next.frame, next.last);
  } else if (state_ == State::kAgreed) {
    link_->Written();
  }
}

void Exchange::OnEnded(const grpc::Status& status) {
  if (timer_) loop_.Cancel(*std::exchange(timer_, std::nullopt));
  if (status.error_code() == grpc::StatusCode::FAILED_PRECONDITION && reason_.empty()) {
    refused_ = true;
    reason_ = Printable(status.error_message());
  }
  if (reason_.empty()) reason_ = status.ok() ? "the stream ended" : Printable(status.error_message());
  const bool broken = link_ != nullptr && link_->Detach(*stream_);
  host_.OnOver(shared_from_this(), broken);
}

}  // namespace cairn::raft
