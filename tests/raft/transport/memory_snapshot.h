#pragma once

#include <absl/synchronization/mutex.h>
#include <absl/time/time.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "raft/replica/ports.h"

namespace cairn::raft::testing {

// A snapshot's content: named files, and what Raft knows of it.
struct SnapshotContent {
  SnapshotMeta meta;
  std::vector<std::pair<std::string, std::string>> files;

  [[nodiscard]] std::size_t bytes() const;
  // "name size" for each file, one per line.
  [[nodiscard]] std::string Manifest() const;
};

// Files of these sizes with seeded bytes.
SnapshotContent RandomContent(const std::vector<std::size_t>& sizes);

// A source over `content`. `fail_at`: the read that fails, counted from 0 over all sources of this function.
std::function<absl::StatusOr<std::unique_ptr<SnapshotSource>>()> Opens(SnapshotContent content,
                                                                       std::optional<int> fail_at = {});

// Where a receiving member keeps what it has got so far, as a disk would: it outlives sinks and transports.
// Thread-safe.
class SnapshotShelf {
 public:
  // Whether sinks stand still at an empty file until it is written, or pass it by.
  enum class EmptyFiles : bool { kPassed, kWaitedFor };
  explicit SnapshotShelf(EmptyFiles empty_files = EmptyFiles::kPassed) : empty_files_(empty_files) {}

  // For TransportHooks::receive_snapshot.
  std::function<absl::StatusOr<std::unique_ptr<SnapshotSink>>(const SnapshotMeta&, std::string_view)>
  Receives();

  // The write with this number (from 0, over all sinks) fails, once, and breaks the stream.
  void BreakAt(int write);
  // This write and all after it fail: a disk that is full.
  void FailFrom(int write);
  // Writes do not return while held.
  void Hold();
  void LetGo();
  // How long the final check takes, at most: LetGo() ends it.
  void FinishTakes(absl::Duration duration);

  // So far.
  struct Progress {
    int writes = 0;
    int begun = 0;      // Calls of Receives().
    bool open = false;  // A sink exists that is not finished.
  };
  // Whether `condition` came true in time.
  bool WaitFor(const std::function<bool(const Progress&)>& condition) const;

  [[nodiscard]] std::vector<std::string> files() const;
  [[nodiscard]] int writes() const { return progress().writes; }
  [[nodiscard]] int begun() const { return progress().begun; }
  [[nodiscard]] bool open() const { return progress().open; }

 private:
  class Sink;

  [[nodiscard]] Progress progress() const ABSL_LOCKS_EXCLUDED(mu_);
  [[nodiscard]] Progress Now() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return {.writes = writes_, .begun = begun_, .open = sinks_ > 0};
  }

  mutable absl::Mutex mu_;
  const EmptyFiles empty_files_;
  std::string manifest_ ABSL_GUARDED_BY(mu_);
  std::vector<std::size_t> sizes_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> files_ ABSL_GUARDED_BY(mu_);
  std::vector<bool> done_ ABSL_GUARDED_BY(mu_);
  int writes_ ABSL_GUARDED_BY(mu_) = 0;
  int begun_ ABSL_GUARDED_BY(mu_) = 0;
  int sinks_ ABSL_GUARDED_BY(mu_) = 0;
  std::optional<int> break_at_ ABSL_GUARDED_BY(mu_);
  std::optional<int> fail_from_ ABSL_GUARDED_BY(mu_);
  absl::Duration finish_takes_ ABSL_GUARDED_BY(mu_);
  bool held_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace cairn::raft::testing
