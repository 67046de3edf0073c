#include "raft/transport/reachability.h"

#include <utility>

#include "raft/transport/channel.h"

namespace cairn::raft {
namespace {

// Nobody serves this; that a server says so is the answer.
constexpr char kMethod[] = "/cairn.raft.wire.Peer/AreYouThere";

// A refusal comes at once; who has not answered by then is busy or silent, and heartbeats will tell.
constexpr std::chrono::milliseconds kPatience{500};

Reachability::Answer Judge(const grpc::Status& status) {
  if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED ||
      status.error_code() == grpc::StatusCode::CANCELLED) {
    return Reachability::Answer::kUnknown;
  }
  if (status.error_code() != grpc::StatusCode::UNAVAILABLE) return Reachability::Answer::kAlive;
  // A name that nobody could look up says nothing about the peer.
  const bool no_address = status.error_message().find("DNS") != std::string::npos;
  return no_address ? Reachability::Answer::kUnknown : Reachability::Answer::kRefused;
}

}  // namespace

std::shared_ptr<Reachability> Reachability::Ask(const Environment& environment, CompletionLoop& loop,
                                                const std::string& target,
                                                absl::AnyInvocable<void(Answer)> done) {
  std::shared_ptr<Reachability> question(new Reachability(loop));
  question->done_ = std::move(done);
  question->context_.set_wait_for_ready(false);
  question->context_.set_deadline(std::chrono::system_clock::now() + kPatience);
  question->call_ = grpc::GenericStub(DialPeer(target, environment.options))
                        .PrepareUnaryCall(&question->context_, kMethod, grpc::ByteBuffer(), loop.queue());
  question->keep_ = question;
  question->call_->StartCall();
  question->call_->Finish(&question->response_, &question->status_,
                          static_cast<CompletionTag*>(question.get()));
  return question;
}

Reachability::~Reachability() { loop_.Release(); }

void Reachability::Complete(bool /*ok*/) {
  const std::shared_ptr<Reachability> alive = std::exchange(keep_, nullptr);
  std::exchange(done_, nullptr)(Judge(status_));
}

}  // namespace cairn::raft
