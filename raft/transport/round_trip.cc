#include "raft/transport/round_trip.h"

#include <utility>

namespace cairn::raft {
namespace {

constexpr std::chrono::milliseconds kPingInterval{100};

std::uint64_t Microseconds(RoundTripMeter::Clock::duration duration) {
  const auto count = std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
  return count < 0 ? 0 : static_cast<std::uint64_t>(count);
}

}  // namespace

void RoundTripMeter::Mark(Frame& frame, Clock::time_point now) {
  absl::MutexLock lock(&mu_);
  if (owed_) {
    frame.pong = Frame::Pong{.ping = *owed_, .kept = Microseconds(now - owed_since_)};
    owed_.reset();
  }
  if (last_ping_ && now - *last_ping_ < kPingInterval) return;
  last_ping_ = now;
  outstanding_ = Microseconds(now.time_since_epoch());
  frame.ping = outstanding_;
}

void RoundTripMeter::See(const Frame& frame, Clock::time_point now) {
  if (!frame.ping && !frame.pong) return;
  absl::MutexLock lock(&mu_);
  if (frame.ping) {
    owed_ = frame.ping;
    owed_since_ = now;
  }
  if (frame.pong && frame.pong->ping == outstanding_) {
    const std::uint64_t away =
        Microseconds(now.time_since_epoch()) - *std::exchange(outstanding_, std::nullopt);
    Count(away - std::min(away, frame.pong->kept));
  }
}

void RoundTripMeter::Restart() {
  absl::MutexLock lock(&mu_);
  last_ping_.reset();
  outstanding_.reset();
  owed_.reset();
}

void RoundTripMeter::Count(std::uint64_t microseconds) {
  std::size_t bucket = 0;
  auto bound = static_cast<std::uint64_t>(RoundTripHistogram::kFirstBound.count());
  while (microseconds > bound && bucket + 1 < RoundTripHistogram::kBuckets) {
    bound *= 2;
    ++bucket;
  }
  ++histogram_.counts[bucket];
  histogram_.sum_microseconds += microseconds;
}

RoundTripHistogram RoundTripMeter::histogram() const {
  absl::MutexLock lock(&mu_);
  return histogram_;
}

}  // namespace cairn::raft
