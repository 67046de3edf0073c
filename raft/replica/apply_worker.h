#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/status/status.h>
#include <absl/synchronization/mutex.h>

#include <memory>
#include <thread>
#include <variant>
#include <vector>

#include "raft/replica/metrics.h"
#include "raft/replica/ports.h"

namespace cairn::raft {

// The thread that applies. Like the log writer it takes whatever waits: hand-overs that gathered while it was
// busy become one call of the state machine. The queue is bounded by the replica, which refuses proposals and
// lets appends be lost while too much is committed and not applied.
class ApplyWorker final : public ApplyPort {
 public:
  // `machine` must outlive Stop().
  ApplyWorker(StateMachine& machine, ReplicaMetrics& metrics) : machine_(machine), metrics_(metrics) {}
  ~ApplyWorker() override;  // Stop().

  // `events` must outlive Stop(). Once.
  void Start(ReplicaEvents& events);
  // Applies what waits, then joins the thread. The first error of its life, which OnFatal() was told, too. A
  // second call does no more than answer.
  absl::Status Stop();

  void Apply(std::vector<ApplyItem> items) override;
  void Install(std::unique_ptr<SnapshotSink> sink) override;
  void Discard(std::unique_ptr<SnapshotSink> sink) override;
  void StartFlush() override;

 private:
  struct FlushTask {};
  struct DiscardTask {
    std::unique_ptr<SnapshotSink> sink;
  };
  using Task = std::variant<std::vector<ApplyItem>, std::unique_ptr<SnapshotSink>, DiscardTask, FlushTask>;

  void Add(Task task);
  void Loop();
  bool Take(std::vector<Task>& tasks);
  absl::Status Do(std::vector<Task>& tasks);
  absl::Status ApplyBatch(std::vector<ApplyItem>& items);
  // From now on nobody gets a result: answers kStopped to whoever waits or comes.
  void Abandon(std::vector<Task>& tasks);

  StateMachine& machine_;
  ReplicaMetrics& metrics_;
  ReplicaEvents* events_ = nullptr;
  std::thread thread_;
  absl::Status failure_;  // The thread's, until it is joined.

  absl::Mutex mutex_;
  absl::CondVar arrived_;
  std::vector<Task> waiting_ ABSL_GUARDED_BY(mutex_);
  bool asleep_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace cairn::raft
