#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "raft/base/types.h"
#include "raft/core/core.h"
#include "raft/core/invariants.h"

namespace cairn::raft {

// One member without its network: a core, the disk under its log, and a state machine that counts. Everything
// the core asks for is done only when the test says so, and a crash loses what was not.
class TestMember {
 public:
  // Starts with an empty log; `config` is the configuration it is told at birth.
  TestMember(CoreOptions options, MemberConfig config);

  // The state machine: how far it has applied, and what it would give a snapshot.
  struct Store {
    SnapshotMeta applied;  // In memory.
    SnapshotMeta flushed;  // What a crash leaves.
  };

  [[nodiscard]] bool up() const { return core_ != nullptr; }
  [[nodiscard]] Core& core() const { return *core_; }
  [[nodiscard]] NodeId id() const { return options_.self; }
  [[nodiscard]] const CoreOptions& options() const { return options_; }
  [[nodiscard]] const Store& store() const { return store_; }
  MemberInvariants& invariants() { return *invariants_; }

  // Does with an output what a replica does, as far as nothing waits; returns the messages that may leave.
  std::vector<Envelope> Perform(const Output& output);

  // The disk completes `count` writes more; returns the messages that waited for them.
  std::vector<Envelope> Sync(std::size_t count);
  [[nodiscard]] std::size_t unsynced() const { return writes_.size(); }
  [[nodiscard]] const std::deque<Output>& writes() const { return writes_; }

  // The state machine applies `count` entries more.
  void Apply(std::size_t count);
  [[nodiscard]] std::size_t unapplied() const { return to_apply_.size(); }
  void Flush() { store_.flushed = store_.applied; }

  // A snapshot that the core asked to install is on its way into store and log: in this order, each durable.
  [[nodiscard]] bool installing() const { return install_.has_value(); }
  void InstallStore();  // Store yes, log not yet: a crash now leaves the store ahead.
  void FinishInstall();

  // Drops the log up to `index`, on disk and in memory. REQUIRES: index <= flushed.
  void Compact(Index index);

  // Power is lost. Of the writes under way the first `kept` had reached the disk.
  void Crash(std::size_t kept);
  // Starts again from what the disk has. REQUIRES: down. `seed` is this life's.
  void Restart(std::uint64_t seed);
  // The same disk and store under other options. REQUIRES: down.
  void set_options(const CoreOptions& options) { options_ = options; }

  // Puts this on the disk, as if written in an earlier life. REQUIRES: down; nothing flushed.
  void Preload(HardState hard_state, std::vector<Entry> entries);

  // Whether the entry survives a crash of this member now.
  [[nodiscard]] bool HasDurably(const EntryId& id) const;
  [[nodiscard]] const HardState& durable_hard_state() const { return disk_.hard_state; }
  [[nodiscard]] EntryId durable_last() const;

 private:
  struct Disk {
    HardState hard_state;
    SnapshotMeta base;
    std::vector<Entry> entries;  // After base.
  };
  struct Waiting {
    WriteNumber sync_point;
    Envelope envelope;
  };

  void WriteToDisk(const Output& write);
  std::vector<Envelope> TakeReleased();

  CoreOptions options_;
  std::unique_ptr<Core> core_;
  std::unique_ptr<MemberInvariants> invariants_;
  Disk disk_;
  Store store_;
  std::deque<Output> writes_;  // Only the write parts are kept.
  WriteNumber synced_;
  std::vector<Waiting> waiting_;
  std::deque<Entry> to_apply_;
  std::optional<SnapshotMeta> install_;
};

}  // namespace cairn::raft
