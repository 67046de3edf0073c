#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <memory>
#include <optional>
#include <string>

#include "raft/transport/byte_stream.h"
#include "raft/transport/environment.h"
#include "raft/transport/frame.h"
#include "raft/transport/peer_link.h"

namespace cairn::raft {

class Exchange;

// What an Exchange asks of whoever keeps the peers. Loop's thread.
class ExchangeHost {
 public:
  virtual ~ExchangeHost() = default;

  // A call has come in, so the next one can be waited for.
  virtual void OnAccepted(const std::shared_ptr<Exchange>& exchange) = 0;

  // The link of whoever sent `hello`, or why we do not talk to it. May be asked again: the membership
  // changes.
  virtual absl::StatusOr<std::shared_ptr<PeerLink>> Admit(const Hello& hello) = 0;

  // A call that came in is of somebody who was admitted; it is not agreed yet.
  virtual void OnIntroduced(const std::shared_ptr<Exchange>& exchange) = 0;

  // Both sides have agreed; the exchange is attached to its link. `replaced` is what it took the place of, or
  // null.
  virtual void OnAgreed(const std::shared_ptr<Exchange>& exchange,
                        const std::shared_ptr<ByteStream>& replaced) = 0;

  // A call that came in is turned away, by us or by its other side. Before that side hears of it.
  virtual void OnTurnedAway(const std::string& reason) = 0;

  // Over, in whatever state. `broken`: it was its link's stream until now.
  virtual void OnOver(const std::shared_ptr<Exchange>& exchange, bool broken) = 0;
};

// One stream of frames from its first byte to its end:
//
//   dialling:   hello ->            <- hello   check, then an empty frame ->   frames
//   accepting:  <- hello   check, hello ->          <- any frame               frames
//
// The dialling side's second frame tells the accepting one that it was accepted as well. Who refuses says
// why: the accepting side with the status that ends the call, the dialling side with a frame. Loop's thread,
// but for Cancel().
class Exchange final : public StreamEvents, public std::enable_shared_from_this<Exchange> {
 public:
  // Calls `peer` over `channel`.
  static std::shared_ptr<Exchange> Dial(const Environment& environment, CompletionLoop& loop,
                                        ExchangeHost& host, const std::shared_ptr<grpc::Channel>& channel,
                                        NodeId peer);

  // Waits for a call; `request` is that of AcceptedStream::Wait().
  static std::shared_ptr<Exchange> Accept(
      const Environment& environment, CompletionLoop& loop, ExchangeHost& host,
      absl::AnyInvocable<void(grpc::ServerContext*, AcceptedStream::Stream*, void* tag)> request);

  // Any thread. REQUIRES of an accepting one: OnAccepted() was called.
  void Cancel() { stream_->Cancel(); }

  // The peer's, once it is known that it is one.
  [[nodiscard]] const std::shared_ptr<PeerLink>& link() const { return link_; }
  [[nodiscard]] std::optional<Incarnation> incarnation() const {
    return hello_ ? std::optional(hello_->incarnation) : std::nullopt;
  }

  // Why it ended: a refusal by either side, or what gRPC said. For logs.
  [[nodiscard]] const std::string& reason() const { return reason_; }
  [[nodiscard]] bool refused() const { return refused_; }
  // Both sides had said yes, and when.
  [[nodiscard]] bool agreed() const { return agreed_at_.has_value(); }
  [[nodiscard]] std::optional<CompletionLoop::Clock::time_point> agreed_at() const { return agreed_at_; }
  [[nodiscard]] bool dialled() const { return peer_.has_value(); }
  // Whom we called. REQUIRES: dialled().
  [[nodiscard]] NodeId peer() const { return *peer_; }

 private:
  enum class State : std::uint8_t {
    kConnecting,  // No word from the other side.
    kConfirming,  // Accepting side: our hello has left, the other side's opinion of it is not known.
    kAgreed,
    kRefused,  // By either side, or broken off: what still comes is not looked at.
  };

  Exchange(const Environment& environment, CompletionLoop& loop, ExchangeHost& host,
           std::optional<NodeId> peer)
      : environment_(environment), loop_(loop), host_(host), peer_(peer) {}

  void OnOpened() override;
  void OnRead(const grpc::ByteBuffer& message) override;
  void OnWritten() override;
  void OnEnded(const grpc::Status& status) override;

  absl::StatusOr<Frame> Check(const grpc::ByteBuffer& message) const;
  void Greet(const Frame& frame);
  void Agree();
  void Refuse(const absl::Status& why);
  // After agreement: what came is damaged.
  void BreakOff(const absl::Status& why);
  void Write(const Frame& frame, ByteStream::Last last = ByteStream::Last::kNo);
  void StartTimer();

  const Environment& environment_;
  CompletionLoop& loop_;
  ExchangeHost& host_;
  const std::optional<NodeId> peer_;  // Whom we call; empty on the accepting side.
  std::shared_ptr<ByteStream> stream_;
  std::shared_ptr<PeerLink> link_;
  std::optional<Hello> hello_;                  // The peer's, as link_.
  std::optional<CompletionLoop::Timer> timer_;  // Cancels the stream unless both sides agree in time.
  struct Waiting {
    Frame frame;
    ByteStream::Last last;
  };
  std::optional<Waiting> waiting_;  // To be written when the write in flight is done.
  State state_ = State::kConnecting;
  std::optional<CompletionLoop::Clock::time_point> agreed_at_;
  bool refused_ = false;
  std::string reason_;
};

}  // namespace cairn::raft
