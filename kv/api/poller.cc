#include "kv/api/poller.h"

#include <grpc/support/time.h>

#include <vector>

#include "kv/api/generic_call.h"
#include "raft/base/assert.h"

namespace cairn::kv::api {
namespace {

// A stream that asked for a leader is ended when this many checks in a row, one per election timeout, saw
// none: an ordinary election is shorter.
constexpr int kChecksWithoutLeader = 3;

// Monotonic: with the system's clock, one that is set back would keep a poller asleep.
gpr_timespec NextTick() {
  return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                      gpr_time_from_millis(Poller::kTick.count(), GPR_TIMESPAN));
}

}  // namespace

Poller::Poller(Backend& backend, std::unique_ptr<grpc::ServerCompletionQueue> queue)
    : backend_(backend), queue_(std::move(queue)) {}

Poller::~Poller() {
  CAIRN_ASSERT(!thread_.joinable(), "a poller must be joined");
  CAIRN_ASSERT(streams_.empty(), "{} streams outlive their poller", streams_.size());
}

void Poller::Start(std::function<void(std::chrono::steady_clock::time_point)> on_tick) {
  on_tick_ = std::move(on_tick);
  thread_ = std::thread([this] { Run(); });
}

void Poller::Join() {
  if (thread_.joinable()) thread_.join();
}

void Poller::CallWithdrawn() {
  CAIRN_ASSERT(posted_ > 0, "withdrawn without being posted");
  --posted_;
  EndIfOver();
}

void Poller::CallEnded() {
  backend_.live_calls.End();
  CallWithdrawn();
}

void Poller::EndIfOver() {
  if (ending_ && posted_ == 0) queue_->Shutdown();
}

void Poller::LargeAnswerMoves(grpc::ServerContextBase& call) {
  large_answers_.insert_or_assign(&call, std::chrono::steady_clock::now());
}

void Poller::GiveUpLargeAnswers(std::chrono::steady_clock::time_point now) {
  std::erase_if(large_answers_, [&](const auto& answer) {
    const auto& [call, moved] = answer;
    if (now - moved < backend_.options.large_answer_deadline) return false;
    call->TryCancel();  // Its events come as for any client that has gone.
    return true;
  });
}

void Poller::Run() {
  auto next_tick = std::chrono::steady_clock::now() + kTick;
  gpr_timespec deadline = NextTick();
  for (;;) {
    void* tag = nullptr;
    bool ok = false;
    switch (queue_->AsyncNext(&tag, &ok, deadline)) {
      case grpc::CompletionQueue::SHUTDOWN:
        return;
      case grpc::CompletionQueue::GOT_EVENT:
        static_cast<CqTag*>(tag)->OnEvent(ok);
        break;
      case grpc::CompletionQueue::TIMEOUT:
        break;
    }
    const auto now = std::chrono::steady_clock::now();
    if (now < next_tick) continue;
    Tick(now);
    next_tick = now + kTick;
    deadline = NextTick();
  }
}

void Poller::Tick(std::chrono::steady_clock::time_point now) {
  if (on_tick_) on_tick_(now);
  GiveUpLargeAnswers(now);
  if (now >= next_leader_check_) {
    next_leader_check_ = now + backend_.options.election_timeout;
    CheckLeader(now);
  }
}

void Poller::CheckLeader(std::chrono::steady_clock::time_point /*now*/) {
  if (streams_.empty()) {
    checks_without_leader_ = 0;
    return;
  }
  if (backend_.deps.group.has_leader()) {
    checks_without_leader_ = 0;
    return;
  }
  if (++checks_without_leader_ < kChecksWithoutLeader) return;
  const std::vector<GenericCall*> streams(streams_.begin(), streams_.end());
  for (GenericCall* stream : streams) stream->LeaderLost();
}

void Poller::EndAllStreams() {
  const std::vector<GenericCall*> streams(streams_.begin(), streams_.end());
  for (GenericCall* stream : streams) stream->ServerStopping();
}

}  // namespace cairn::kv::api
