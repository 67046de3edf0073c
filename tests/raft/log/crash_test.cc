// The plug is pulled at every operation of a run, the disk keeps this or that of what was not synced, and
// what comes back has to be what was acknowledged, with the step in flight or without it. Then the log goes
// on, loses power once more, and everything acknowledged in its second life has to be there too.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "raft/base/status.h"
#include "raft/log/segmented_log.h"
#include "tests/raft/log/log_script.h"
#include "tests/sim/sim_disk.h"

namespace cairn::raft {
namespace {

constexpr LogOptions kOptions{.segment_bytes = kScriptSegmentBytes, .spare_segments = 1};

struct Outcome {
  std::string name;
  bool power_lost = true;  // Otherwise the process alone was killed.
  Survival survival;
};

std::vector<Outcome> Outcomes() {
  using Writes = Survival::Writes;
  using Names = Survival::Names;
  std::vector<Outcome> outcomes = {
      {"process killed", false, {}},
      {"all lost", true, {.writes = Writes::kNone, .names = Names::kNone}},
      {"all kept", true, {.writes = Writes::kAll, .names = Names::kAll}},
      {"names lost", true, {.writes = Writes::kAll, .names = Names::kNone}},
      {"writes lost", true, {.writes = Writes::kNone, .names = Names::kAll}},
  };
  for (std::uint64_t bytes : {1, 63, 64, 100, 4000, 9000}) {
    outcomes.push_back({fmt::format("torn after {} bytes", bytes),
                        true,
                        {.writes = Writes::kPrefix, .names = Names::kAll, .prefix_bytes = bytes}});
  }
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    outcomes.push_back({fmt::format("pages by coin {}", seed),
                        true,
                        {.writes = Writes::kPages, .names = Names::kSome, .seed = seed}});
  }
  return outcomes;
}

void Strike(SimDisk& disk, const Outcome& outcome) {
  if (outcome.power_lost) {
    disk.LosePower(outcome.survival);
  } else {
    disk.KillProcess();
  }
}

// What the owner of a log may rely on: `acknowledged`, and what it was about to be told.
struct Life {
  LogModel acknowledged;
  LogModel in_flight;  // With the step that was not answered; equal to `acknowledged` if all were.
  absl::Status status;
  bool opened = false;
};

Life RunScript(SimDisk& disk, LogModel model, const std::vector<LogStep>& script) {
  Life run{.acknowledged = model, .in_flight = model, .status = {}, .opened = true};
  absl::StatusOr<SegmentedLog::Opened> opened = SegmentedLog::Open(disk, kOptions);
  run.status = opened.status();
  run.opened = opened.ok();
  for (std::size_t i = 0; i < script.size() && run.status.ok(); ++i) {
    run.in_flight.Apply(script[i]);
    run.status = Perform(*opened->log, script[i]);
    if (run.status.ok()) run.acknowledged = run.in_flight;
  }
  return run;
}

// The state that was recovered, if it is a legal one.
absl::StatusOr<LogModel> RecoverLegal(SimDisk& disk, const Life& run) {
  CAIRN_ASSIGN_OR_RETURN(const SegmentedLog::Opened opened, SegmentedLog::Open(disk, kOptions));
  const std::string without = Difference(run.acknowledged, opened.contents);
  if (without.empty()) return run.acknowledged;
  const std::string with = Difference(run.in_flight, opened.contents);
  if (with.empty()) return run.in_flight;
  return absl::InternalError(fmt::format("without the last step: {}; with it: {}", without, with));
}

std::uint64_t OperationsOf(const std::vector<LogStep>& script) {
  SimDisk disk;
  EXPECT_TRUE(RunScript(disk, {}, script).status.ok());
  return disk.operations().size();
}

TEST(LogCrash, EveryOperationMayBeTheLast) {
  const std::vector<LogStep> script = EverydayScript();
  const std::uint64_t operations = OperationsOf(script);
  ASSERT_GT(operations, 60U);
  for (std::uint64_t crash = 0; crash < operations; ++crash) {
    SimDisk crashed;
    crashed.CrashAt(crash);
    const Life first = RunScript(crashed, {}, script);
    ASSERT_FALSE(first.status.ok());
    for (const Outcome& outcome : Outcomes()) {
      SCOPED_TRACE(fmt::format("crash at operation {}, {}", crash, outcome.name));
      const std::unique_ptr<SimDisk> disk = crashed.Clone();
      Strike(*disk, outcome);
      absl::StatusOr<LogModel> recovered = RecoverLegal(*disk, first);
      ASSERT_TRUE(recovered.ok()) << recovered.status();

      disk->KillProcess();
      const Life second = RunScript(*disk, *recovered, Continuation(*recovered));
      ASSERT_TRUE(second.status.ok()) << second.status;
      disk->LosePower({});
      recovered = RecoverLegal(*disk, second);
      ASSERT_TRUE(recovered.ok()) << recovered.status();
    }
  }
}

TEST(LogCrash, RecoveryAndWhatFollowsMayCrashToo) {
  const std::vector<LogStep> script = EverydayScript();
  const std::uint64_t operations = OperationsOf(script);
  const std::vector<Outcome> outcomes = Outcomes();
  for (std::uint64_t crash = 0; crash < operations; ++crash) {
    SimDisk crashed;
    crashed.CrashAt(crash);
    const Life first = RunScript(crashed, {}, script);
    const Outcome& outcome = outcomes[crash % outcomes.size()];
    Strike(crashed, outcome);
    // The legal state is settled by the first recovery, on a copy; the crashing one may not decide otherwise.
    const absl::StatusOr<LogModel> settled = RecoverLegal(*crashed.Clone(), first);
    ASSERT_TRUE(settled.ok()) << settled.status();
    for (std::uint64_t second_crash = 0; second_crash < 24; ++second_crash) {
      const Outcome& second_outcome = outcomes[(crash + second_crash) % outcomes.size()];
      SCOPED_TRACE(fmt::format("crash at operation {}, {}, then at {}, {}", crash, outcome.name, second_crash,
                               second_outcome.name));
      const std::unique_ptr<SimDisk> disk = crashed.Clone();
      disk->CrashAt(disk->operations().size() + second_crash);
      const Life second = RunScript(*disk, *settled, Continuation(*settled));
      Strike(*disk, second_outcome);
      // A log that was not opened has shown nothing to anybody: what was in flight may still go either way.
      absl::StatusOr<LogModel> recovered = RecoverLegal(*disk, second.opened ? second : first);
      ASSERT_TRUE(recovered.ok()) << recovered.status();
      disk->LosePower({});
      // What an opened log showed is durable, though nothing was written to it since.
      const Life third{.acknowledged = *recovered, .in_flight = *recovered, .status = {}, .opened = true};
      recovered = RecoverLegal(*disk, third);
      ASSERT_TRUE(recovered.ok()) << recovered.status();
    }
  }
}

TEST(LogCrash, AfterAnErrorNothingIsAcknowledgedAndNothingIsLost) {
  const std::vector<LogStep> script = EverydayScript();
  const std::uint64_t operations = OperationsOf(script);
  for (std::uint64_t failing = 0; failing < operations; ++failing) {
    SimDisk failed;
    failed.FailAt(failing, absl::UnknownError("fdatasync: Input/output error"));
    absl::StatusOr<SegmentedLog::Opened> opened = SegmentedLog::Open(failed, kOptions);
    Life run{.acknowledged = {}, .in_flight = {}, .status = opened.status(), .opened = opened.ok()};
    for (const LogStep& step : script) {
      if (!opened.ok()) break;
      const absl::Status status = Perform(*opened->log, step);
      if (!run.status.ok()) {
        ASSERT_EQ(status, run.status) << "operation " << failing;  // Poisoned: the same words for ever.
        continue;
      }
      run.status = status;
      run.in_flight.Apply(step);
      if (status.ok()) run.acknowledged = run.in_flight;
    }
    ASSERT_FALSE(run.status.ok()) << "operation " << failing;
    for (const Outcome& outcome : Outcomes()) {
      SCOPED_TRACE(fmt::format("error at operation {}, {}", failing, outcome.name));
      const std::unique_ptr<SimDisk> disk = failed.Clone();
      Strike(*disk, outcome);
      const absl::StatusOr<LogModel> recovered = RecoverLegal(*disk, run);
      ASSERT_TRUE(recovered.ok()) << recovered.status();
    }
  }
}

TEST(LogCrash, AFullDiskLosesNothing) {
  const std::vector<LogStep> script = EverydayScript();
  for (std::uint64_t capacity = 0; capacity <= 8 * kScriptSegmentBytes; capacity += 2048) {
    SCOPED_TRACE(fmt::format("capacity {}", capacity));
    SimDisk disk;
    disk.SetCapacity(capacity);
    const Life run = RunScript(disk, {}, script);
    if (!run.status.ok()) {
      ASSERT_TRUE(absl::IsResourceExhausted(run.status)) << run.status;
    }
    disk.LosePower({});
    disk.SetCapacity(std::uint64_t{1} << 30);
    const absl::StatusOr<LogModel> recovered = RecoverLegal(disk, run);
    ASSERT_TRUE(recovered.ok()) << recovered.status();
  }
}

}  // namespace
}  // namespace cairn::raft
