#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "raft/replica/ports.h"

namespace cairn::sim {

// One key of the toy store. The version counts the writes to the key: it is the order in which they took
// effect.
struct Cell {
  std::string value;
  std::uint64_t version = 0;
  friend bool operator==(const Cell&, const Cell&) = default;
};

struct ToyState {
  raft::SnapshotMeta meta;
  std::map<std::string, Cell> cells;
  friend bool operator==(const ToyState&, const ToyState&) = default;
};

std::string EncodeToyState(const ToyState& state);
absl::StatusOr<ToyState> DecodeToyState(std::string_view bytes);

// A command of the toy store.
Payload PutCommand(std::string_view key, std::string_view value);

class PutResult final : public raft::ApplyResult {
 public:
  explicit PutResult(std::uint64_t put_version) : version(put_version) {}
  std::uint64_t version;
};

// What survives a crash: the state of the last flush.
struct ToyDisk {
  ToyState state;
};

// The smallest state machine with everything that matters to the replica: it applies in memory, flushes in
// the background, forgets at a crash what was not flushed, and can be sent as a snapshot. Thread-safe as
// StateMachine asks.
class ToyMachine final : public raft::StateMachine {
 public:
  // Called for each entry applied.
  using Observer =
      std::function<void(const raft::Entry&, const std::optional<std::pair<std::string, Cell>>&)>;
  // Runs the rest of a flush some time later, or never if the process dies before.
  using Later = std::function<void(std::function<void()>)>;

  // `disk` outlives the machine. An error from Apply() at `fail_at`, if set.
  ToyMachine(ToyDisk& disk, Observer observer, Later later)
      : disk_(disk), observer_(std::move(observer)), later_(std::move(later)), state_(disk.state) {}

  [[nodiscard]] raft::SnapshotMeta recovered() const override;
  absl::Status Apply(std::span<raft::ApplyItem> items) override;
  void StartFlush() override;
  [[nodiscard]] raft::EntryId flushed() const override;
  [[nodiscard]] std::uint64_t unflushed_bytes() const override;
  absl::StatusOr<std::unique_ptr<raft::SnapshotSource>> OpenSnapshot() override;
  absl::StatusOr<std::unique_ptr<raft::SnapshotSink>> ReceiveSnapshot(const raft::SnapshotMeta& meta,
                                                                      std::string_view manifest) override;
  absl::Status Install(std::unique_ptr<raft::SnapshotSink> sink) override;

  [[nodiscard]] Cell Read(const std::string& key) const;
  [[nodiscard]] ToyState state() const;
  void FailApplyFrom(raft::Index index);

 private:
  void ApplyOne(raft::ApplyItem& item) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  ToyDisk& disk_ ABSL_GUARDED_BY(mutex_);
  Observer observer_;
  Later later_;
  mutable absl::Mutex mutex_;
  ToyState state_ ABSL_GUARDED_BY(mutex_);
  std::uint64_t unflushed_ ABSL_GUARDED_BY(mutex_) = 0;
  std::optional<raft::Index> fail_from_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cairn::sim
