#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "etcd/rpc.pb.h"
#include "kv/watch/hub.h"

namespace cairn::kv::api {

// A hub whose streams send what the test tells them to. Every create request is answered; ids count up.
class FakeHub final : public Hub {
 public:
  std::unique_ptr<WatchStream> OpenStream(absl::AnyInvocable<void()> wake) override;
  void Tick(std::chrono::steady_clock::time_point now) override;
  [[nodiscard]] Counts counts() const override;

  void OnRevisions(std::span<const std::shared_ptr<const RevisionEvents>> revisions) override;
  void OnCompacted(Revision compacted) override;
  void OnStateReplaced(Revision current, Revision compacted) override;

  // Sends a response on every open stream, from the caller's thread.
  void Emit(const etcdserverpb::WatchResponse& response);
  // The streams that are open now have nothing to send until ReleaseResponses(), as one that searches between
  // two pieces.
  void HoldResponses();
  void ReleaseResponses();
  void AwaitStreams(std::size_t count);
  void AwaitTicks(int count);
  [[nodiscard]] int ticks() const;
  // Requests that streams have handled so far.
  void AwaitHandled(std::size_t count);
  [[nodiscard]] std::size_t handled() const;

 private:
  class Stream;
  // What Emit() and a stream share; outlives either.
  struct Queue {
    absl::Mutex mu;
    std::deque<std::string> answers ABSL_GUARDED_BY(mu);  // To requests; they go first.
    std::deque<std::string> responses ABSL_GUARDED_BY(mu);
    bool held ABSL_GUARDED_BY(mu) = false;
    bool waiting ABSL_GUARDED_BY(mu) = false;  // Take() returned nothing and nobody has woken it since.
    absl::AnyInvocable<void()> wake;
    void Send(std::string response);
    void Release();
  };

  [[nodiscard]] std::vector<std::shared_ptr<Queue>> open() const;

  mutable absl::Mutex mu_;
  std::vector<std::shared_ptr<Queue>> open_ ABSL_GUARDED_BY(mu_);
  int ticks_ ABSL_GUARDED_BY(mu_) = 0;
  std::size_t handled_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace cairn::kv::api
