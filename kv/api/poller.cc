#include "kv/api/poller.h"

#include <vector>

#include "kv/api/generic_call.h"
#include "raft/base/assert.h"

namespace cairn::kv::api {
namespace {

// A stream that asked for a leader is ended when this many checks in a row, one per election timeout, saw
// none: an ordinary election is shorter.
constexpr int kChecksWithoutLeader = 3;

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

void Poller::CallEnded() {
  if (backend_.live_calls.fetch_sub(1, std::memory_order_acq_rel) == 1) backend_.live_calls.notify_all();
}

void Poller::Run() {
  // gRPC wants the system's clock for deadlines; a step of it only moves one tick, since intervals are
  // measured with the steady one.
  auto next_tick = std::chrono::steady_clock::now() + kTick;
  auto deadline = std::chrono::system_clock::now() + kTick;
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
    deadline = std::chrono::system_clock::now() + kTick;
  }
}

void Poller::Tick(std::chrono::steady_clock::time_point now) {
  if (on_tick_) on_tick_(now);
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
  if (backend_.deps.group.status().leader) {
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
