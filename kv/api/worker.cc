#include "kv/api/worker.h"

namespace cairn::kv::api {

Worker::Worker() : thread_([this] { Loop(); }) {}

Worker::~Worker() {
  {
    const absl::MutexLock lock(&mu_);
    stopping_ = true;
  }
  thread_.join();
}

bool Worker::Run(absl::AnyInvocable<void()> job) {
  const absl::MutexLock lock(&mu_);
  if (jobs_.size() >= kMaxWaiting) return false;
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
