#include "tests/kv/api/fake_hub.h"

#include <algorithm>
#include <utility>

namespace cairn::kv::api {

void FakeHub::Queue::Send(std::string response) {
  {
    const absl::MutexLock lock(&mu);
    responses.push_back(std::move(response));
    if (!std::exchange(waiting, false)) return;
  }
  wake();
}

void FakeHub::Queue::Release() {
  {
    const absl::MutexLock lock(&mu);
    held = false;
    if (!std::exchange(waiting, false)) return;
  }
  wake();
}

class FakeHub::Stream final : public WatchStream {
 public:
  Stream(FakeHub& hub, std::shared_ptr<Queue> queue) : hub_(hub), queue_(std::move(queue)) {}
  ~Stream() override {
    const absl::MutexLock lock(&hub_.mu_);
    std::erase(hub_.open_, queue_);
  }

  void Handle(const etcdserverpb::WatchRequest& request) override {
    if (request.has_create_request()) {
      etcdserverpb::WatchResponse response;
      response.mutable_header()->set_revision(1);
      response.set_created(true);
      response.set_watch_id(next_id_++);
      const absl::MutexLock lock(&queue_->mu);
      queue_->answers.push_back(response.SerializeAsString());
    }
    const absl::MutexLock lock(&hub_.mu_);
    ++hub_.handled_;
  }

  std::optional<EncodedMessage> Take() override {
    const absl::MutexLock lock(&queue_->mu);
    std::deque<std::string>& from = queue_->answers.empty() ? queue_->responses : queue_->answers;
    if (queue_->held || from.empty()) {
      queue_->waiting = true;
      return std::nullopt;
    }
    EncodedMessage message = {Bytes::Own(std::move(from.front()))};
    from.pop_front();
    return message;
  }

  [[nodiscard]] std::size_t answers_waiting() const override {
    const absl::MutexLock lock(&queue_->mu);
    return queue_->answers.size();
  }

 private:
  FakeHub& hub_;
  std::shared_ptr<Queue> queue_;
  std::int64_t next_id_ = 0;
};

std::unique_ptr<WatchStream> FakeHub::OpenStream(absl::AnyInvocable<void()> wake) {
  auto queue = std::make_shared<Queue>();
  queue->wake = std::move(wake);
  const absl::MutexLock lock(&mu_);
  open_.push_back(queue);
  return std::make_unique<Stream>(*this, queue);
}

void FakeHub::Tick(std::chrono::steady_clock::time_point /*now*/) {
  const absl::MutexLock lock(&mu_);
  ++ticks_;
}

Hub::Counts FakeHub::counts() const {
  const absl::MutexLock lock(&mu_);
  return {.streams = open_.size(), .watchers = 0, .slow_watchers = 0, .ring_bytes = 0};
}

void FakeHub::OnRevisions(std::span<const std::shared_ptr<const RevisionEvents>> /*revisions*/) {}
void FakeHub::OnCompacted(Revision /*compacted*/) {}
void FakeHub::OnStateReplaced(Revision /*current*/, Revision /*compacted*/) {}

void FakeHub::Emit(const etcdserverpb::WatchResponse& response) {
  for (const auto& queue : open()) queue->Send(response.SerializeAsString());
}

void FakeHub::HoldResponses() {
  for (const auto& queue : open()) {
    const absl::MutexLock lock(&queue->mu);
    queue->held = true;
  }
}

void FakeHub::ReleaseResponses() {
  for (const auto& queue : open()) queue->Release();
}

std::vector<std::shared_ptr<FakeHub::Queue>> FakeHub::open() const {
  const absl::MutexLock lock(&mu_);
  return open_;
}

void FakeHub::AwaitStreams(std::size_t count) {
  const absl::MutexLock lock(&mu_);
  const auto reached = [this, count]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return open_.size() == count; };
  mu_.Await(absl::Condition(&reached));
}

int FakeHub::ticks() const {
  const absl::MutexLock lock(&mu_);
  return ticks_;
}

std::size_t FakeHub::handled() const {
  const absl::MutexLock lock(&mu_);
  return handled_;
}

void FakeHub::AwaitTicks(int count) {
  const absl::MutexLock lock(&mu_);
  const auto reached = [this, count]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return ticks_ >= count; };
  mu_.Await(absl::Condition(&reached));
}

void FakeHub::AwaitHandled(std::size_t count) {
  const absl::MutexLock lock(&mu_);
  const auto reached = [this, count]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return handled_ >= count; };
  mu_.Await(absl::Condition(&reached));
}

}  // namespace cairn::kv::api
