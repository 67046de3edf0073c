#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include <memory>
#include <span>
#include <thread>
#include <variant>
#include <vector>

#include "raft/log/segmented_log.h"
#include "raft/replica/metrics.h"
#include "raft/replica/ports.h"

namespace cairn::raft {

// The thread that writes the log. Group commit without a clock: it takes whatever waits, makes it one write
// and one fdatasync, and what arrives meanwhile is the next group; it never waits for company.
//
// The queue needs no bound of its own: a leader's core bounds what is not committed, a follower's leader
// bounds what is not acknowledged.
class LogWorker final : public LogPort {
 public:
  LogWorker(std::unique_ptr<SegmentedLog> log, ReplicaMetrics& metrics);
  ~LogWorker() override;  // Stop().

  // `events` must outlive Stop(). Once.
  void Start(ReplicaEvents& events);
  // Writes what waits, then joins the thread. A second call does nothing.
  void Stop();

  void Write(LogWrite write) override;
  void Reset(EntryId base, WriteNumber number) override;
  void ReleaseUpTo(Index index) override;

 private:
  struct ResetTask {
    EntryId base;
    WriteNumber number;
  };
  struct ReleaseTask {
    Index index;
  };
  using Task = std::variant<LogWrite, ResetTask, ReleaseTask>;

  void Add(Task task);
  void Loop();
  bool Take(std::vector<Task>& tasks);
  absl::Status Do(std::vector<Task>& tasks);
  absl::Status WriteGroup(std::span<const LogWrite> group);

  std::unique_ptr<SegmentedLog> log_;  // The thread's.
  ReplicaMetrics& metrics_;
  ReplicaEvents* events_ = nullptr;
  std::thread thread_;

  absl::Mutex mutex_;
  absl::CondVar arrived_;
  std::vector<Task> waiting_ ABSL_GUARDED_BY(mutex_);
  bool asleep_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace cairn::raft
