#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "raft/log/disk.h"

namespace cairn::raft {

// What a power loss leaves of the operations that were not synced. A default one loses all of them.
struct Survival {
  enum class Writes {
    kNone,    // What was not synced is gone.
    kAll,     // All of it had reached the disk by luck.
    kPrefix,  // In the order of the calls, up to `prefix_bytes`: a write torn at any byte.
    kPages,   // Each page by the toss of a coin, in any order; of one page perhaps a part.
  };
  enum class Names {
    kNone,
    kAll,
    kSome,  // Each creation, rename and removal by the toss of a coin, in their order; each is atomic.
  };
  Writes writes = Writes::kNone;
  Names names = Names::kNone;
  std::uint64_t prefix_bytes = 0;
  std::uint64_t seed = 1;
};

// A disk in memory that forgets what was not synced: for tests that pull the plug, and for the simulator.
// Deterministic; not thread-safe. It may be killed at any numbered operation, fails where it is told to, and
// goes on after LosePower() or KillProcess() as the disk that the next process finds. Files
// opened before such a call answer every call with an error.
class SimDisk final : public Disk {
 public:
  enum class Kind { kCreate, kWrite, kSync, kAllocate, kTruncate, kRename, kRemove, kSyncDirectory };
  // Everything that changes the disk is an operation and has a number, from 0.
  struct Operation {
    Kind kind;
    std::string name;
    std::uint64_t bytes = 0;  // Of a write.
  };

  explicit SimDisk(std::uint64_t page_bytes = 4096);
  ~SimDisk() override;

  // A disk in the same state: contents, what is not synced, numbers. Open files stay with the original.
  [[nodiscard]] std::unique_ptr<SimDisk> Clone() const;

  // Power and faults.
  // From operation `number` on everything fails. A write or a change of names of this number has been begun
  // (its effect may survive, as any unsynced one); a sync has not.
  void CrashAt(std::uint64_t number) { crash_at_ = number; }
  // Operation `number`, once, fails with `error` and without effect; except that a sync drops what it should
  // have made durable, as Linux does: readers go on seeing it, and no later sync writes it.
  void FailAt(std::uint64_t number, absl::Status error) { failures_[number] = std::move(error); }
  void LosePower(const Survival& survival);
  void KillProcess();  // The system lives on: nothing is lost, nothing more is synced.
  // Files may take so much together; a write that needs more fails and has no effect.
  void SetCapacity(std::uint64_t bytes) { capacity_ = bytes; }

  // What the tests look at.
  [[nodiscard]] const std::vector<Operation>& operations() const { return operations_; }
  [[nodiscard]] std::uint64_t unsynced_bytes() const;
  // What a reader sees now. REQUIRES: the file exists.
  [[nodiscard]] const std::string& Contents(std::string_view name) const;
  [[nodiscard]] bool Exists(std::string_view name) const { return live_.contains(std::string(name)); }
  // Behind everybody's back, durable at once.
  void Put(std::string_view name, std::string contents);
  void FlipBit(std::string_view name, std::uint64_t offset, int bit);

  absl::StatusOr<std::unique_ptr<File>> Open(std::string_view name, OpenOptions options) override;
  absl::Status Rename(std::string_view from, std::string_view to) override;
  absl::Status Remove(std::string_view name) override;
  absl::Status SyncDirectory() override;
  [[nodiscard]] absl::StatusOr<std::vector<std::string>> List() const override;
  [[nodiscard]] absl::StatusOr<std::uint64_t> FreeBytes() const override;

 private:
  class SimFile;
  struct Inode;
  struct NameChange;
  using Names = std::map<std::string, std::shared_ptr<Inode>, std::less<>>;

  // Counts an operation; says whether it fails or the power goes.
  enum class Fate { kDone, kFails, kCrashes };
  struct Verdict {
    Fate fate;
    absl::Status status;
  };
  Verdict Begin(Kind kind, std::string_view name, std::uint64_t bytes = 0);
  [[nodiscard]] absl::Status Alive() const;
  [[nodiscard]] std::uint64_t UsedBytes() const;
  void ApplyName(Names& names, const NameChange& change) const;
  void RestoreContents(const Survival& survival);

  const std::uint64_t page_bytes_;
  std::uint64_t capacity_ = std::uint64_t{1} << 40;
  std::uint64_t epoch_ = 0;     // Of processes; a file of an earlier one is dead.
  std::uint64_t sequence_ = 0;  // Of writes, over all files.
  bool dead_ = false;           // The power is gone, until LosePower() or KillProcess().
  std::optional<std::uint64_t> crash_at_;
  std::map<std::uint64_t, absl::Status> failures_;
  std::vector<Operation> operations_;

  Names live_;
  Names durable_;
  std::vector<NameChange> unsynced_names_;
};

}  // namespace cairn::raft
