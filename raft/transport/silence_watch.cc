#include "raft/transport/silence_watch.h"

#include <utility>

namespace cairn::raft {
namespace {

constexpr int kLooks = 2;  // In each limit.

}  // namespace

void SilenceWatch::Start(std::chrono::milliseconds limit, CompletionLoop::Task on_silence) {
  Stop();
  between_looks_ = limit / kLooks;
  on_silence_ = std::move(on_silence);
  heard_ = true;
  quiet_looks_ = 0;
  LookLater();
}

void SilenceWatch::Stop() {
  if (timer_) loop_.Cancel(*std::exchange(timer_, std::nullopt));
  on_silence_ = nullptr;
}

void SilenceWatch::LookLater() {
  timer_ = loop_.After(between_looks_, [this] { Look(); });
}

void SilenceWatch::Look() {
  timer_.reset();
  quiet_looks_ = std::exchange(heard_, false) ? 0 : quiet_looks_ + 1;
  if (quiet_looks_ < kLooks) return LookLater();
  std::exchange(on_silence_, nullptr)();
}

}  // namespace cairn::raft
