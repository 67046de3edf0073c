#pragma once

#include <grpcpp/channel.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "raft/transport/environment.h"
#include "raft/transport/exchange.h"

namespace cairn::raft {

// Keeps calling one peer: at once when there is no stream, then after pauses that grow, at each of its
// addresses in turn. Loop's thread only.
class Dialer {
 public:
  Dialer(const Environment& environment, CompletionLoop& loop, ExchangeHost& host, NodeId peer)
      : environment_(environment), loop_(loop), host_(host), peer_(peer) {}
  ~Dialer();
  Dialer(const Dialer&) = delete;
  Dialer& operator=(const Dialer&) = delete;

  // As DialTargets() makes them. Another list is dialled at once; a stream that is up stays.
  void SetTargets(std::vector<std::string> targets);

  // The exchange that this dialer began is over.
  void OnOver(const Exchange& exchange);

  // The membership changed: whoever refused us may think otherwise now.
  void AskAgain();

 private:
  void Dial();
  void DialAfter(std::chrono::milliseconds pause);

  const Environment& environment_;
  CompletionLoop& loop_;
  ExchangeHost& host_;
  const NodeId peer_;
  std::vector<std::string> targets_;
  std::size_t target_ = 0;                      // Index of the one to dial.
  std::shared_ptr<grpc::Channel> channel_;      // To targets_[target_]; null before it is dialled.
  std::shared_ptr<Exchange> exchange_;          // The attempt under way, or the stream.
  std::optional<CompletionLoop::Timer> timer_;  // Set while waiting to dial. Invariant: not both.
  std::chrono::milliseconds pause_{0};          // Before the next attempt if the last one failed.
};

}  // namespace cairn::raft
