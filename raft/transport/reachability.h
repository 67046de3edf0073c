#pragma once

#include <absl/functional/any_invocable.h>
#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <memory>
#include <string>

#include "raft/transport/completion_loop.h"
#include "raft/transport/environment.h"

namespace cairn::raft {

// Finds out whether anybody listens where a peer should, over a connection of its own: asked when a stream
// broke, since a peer that was killed refuses within a millisecond while one behind a broken network is
// silent.
class Reachability final : public CompletionTag {
 public:
  enum class Answer : std::uint8_t {
    kAlive,    // Something that speaks gRPC answered.
    kRefused,  // Connecting was refused or reset, and not for lack of time or of an address.
    kUnknown,  // Silence, or asked in vain.
  };

  // Calls `done` once, on the loop's thread. The owner keeps the result alive until then and may Cancel() it.
  static std::shared_ptr<Reachability> Ask(const Environment& environment, CompletionLoop& loop,
                                           const std::string& target, absl::AnyInvocable<void(Answer)> done);
  ~Reachability();

  // `done` comes soon, with kUnknown.
  void Cancel() { context_.TryCancel(); }

 private:
  explicit Reachability(CompletionLoop& loop) : loop_(loop) { loop_.Hold(); }
  void Complete(bool ok) override;

  CompletionLoop& loop_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::GenericClientAsyncResponseReader> call_;
  grpc::ByteBuffer response_;
  grpc::Status status_;
  absl::AnyInvocable<void(Answer)> done_;
  std::shared_ptr<Reachability> keep_;  // While the call is in flight.
};

}  // namespace cairn::raft
