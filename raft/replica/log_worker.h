#pragma once

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
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
// The queue has no bound of its own. The replica counts what is not durable and takes no entries beyond
// ReplicaOptions::max_unpersisted_bytes; the others cannot bound it: they commit without this disk, and a
// leader whose window is full still sends one append for each heartbeat.
class LogWorker final : public LogPort {
 public:
  LogWorker(std::unique_ptr<SegmentedLog> log, ReplicaMetrics& metrics);
  ~LogWorker() override;  // Stop().

  // `events` must outlive Stop(). Once.
  void Start(ReplicaEvents& events);
  // Writes what waits, then joins the thread. OK if all that was asked for is written; else why not: whoever
  // stops us has perhaps stopped listening to OnFatal() before. A second call says the same.
  absl::Status Stop();

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
  // What there was to do when the thread woke up.
  enum class Wake { kTasks, kIdle, kStop };
  Wake Take(std::vector<Task>& tasks);
  absl::Status Do(std::vector<Task>& tasks);
  absl::Status WriteGroup(std::span<const LogWrite> group, std::size_t bytes);
  absl::Status Prepare();

  std::unique_ptr<SegmentedLog> log_;  // The thread's.
  ReplicaMetrics& metrics_;
  ReplicaEvents* events_ = nullptr;
  std::thread thread_;
  std::size_t written_since_prepared_ = 0;  // Bytes. The thread's.
  int idle_preparations_left_ = 0;          // The thread's.
  absl::Status failure_;                    // The thread's until it is joined.

  // Not absl::Mutex: see inbox.h.
  std::mutex mutex_;  // Guards all that follows.
  std::condition_variable arrived_;
  std::vector<Task> waiting_;
  bool asleep_ = false;
  bool stopping_ = false;
};

}  // namespace cairn::raft
