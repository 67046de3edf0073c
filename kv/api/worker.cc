#include "kv/api/worker.h"

#include <utility>

namespace cairn::kv::api {

Worker::~Worker() {
  std::thread thread;
  {
    const absl::MutexLock lock(&mu_);
    stopping_ = true;
    thread = std::move(thread_);
  }
  if (thread.joinable()) thread.join();
}

bool Worker::Run(absl::AnyInvocable<void()> job) {
  const absl::MutexLock lock(&mu_);
  if (jobs_.size() >= max_waiting_) return false;
  if (!thread_.joinable()) thread_ = std::thread([this] { Loop(); });
  jobs_.push_back(std::move(job));
  return true;
}

void Worker::Loop() {
  for (;;) {
    absl::AnyInvocable<void()> job;
    {
      const absl::MutexLock lock(&mu_);
      mu_.Await(absl::Condition(this, &Worker::SomethingToDo));
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job();
  }
}

}  // namespace cairn::kv::api
