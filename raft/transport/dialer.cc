#include "raft/transport/dialer.h"

#include <algorithm>
#include <utility>

#include "raft/base/assert.h"
#include "raft/transport/channel.h"

namespace cairn::raft {

Dialer::~Dialer() {
  if (timer_) loop_.Cancel(*timer_);
  if (exchange_ != nullptr) exchange_->Cancel();
}

void Dialer::SetTargets(std::vector<std::string> targets) {
  if (targets == targets_) return;
  targets_ = std::move(targets);
  target_ = 0;
  channel_.reset();
  pause_ = std::chrono::milliseconds(0);
  if (exchange_ != nullptr) {
    if (!exchange_->agreed()) exchange_->Cancel();  // Its end dials the new ones.
    return;
  }
  AskAgain();
}

void Dialer::AskAgain() {
  if (exchange_ != nullptr) return;
  if (timer_) loop_.Cancel(*std::exchange(timer_, std::nullopt));
  Dial();
}

void Dialer::Dial() {
  CAIRN_ASSERT(exchange_ == nullptr && !timer_, "peer={}", peer_);
  if (targets_.empty()) return;
  if (channel_ == nullptr) channel_ = DialPeer(targets_[target_], environment_.options);
  exchange_ = Exchange::Dial(environment_, loop_, host_, channel_, peer_);
}

void Dialer::DialAfter(std::chrono::milliseconds pause) {
  timer_ = loop_.After(pause, [this] {
    timer_.reset();
    Dial();
  });
}

void Dialer::OnOver(const Exchange& exchange) {
  if (exchange_.get() != &exchange) return;
  exchange_.reset();
  if (exchange.refused()) return DialAfter(environment_.options.refused_pause);
  const auto now = CompletionLoop::Clock::now();
  if (exchange.agreed() && now - *exchange.agreed_at() > environment_.options.reconnect_max) {
    pause_ = std::chrono::milliseconds(0);
    return Dial();  // The one immediate attempt after a break.
  }
  // A stream that breaks as soon as it is made must not become a busy loop.
  if (!exchange.agreed() && targets_.size() > 1) {
    target_ = (target_ + 1) % targets_.size();
    channel_.reset();
  }
  pause_ = std::clamp(pause_ * 2, environment_.options.reconnect_min, environment_.options.reconnect_max);
  DialAfter(pause_);
}

}  // namespace cairn::raft
