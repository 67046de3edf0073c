#include "tests/raft/log/searches.h"

// The plug is pulled at every operation of a run, the disk keeps this or that of what was not synced, and
// what comes back has to be what was acknowledged, with the step in flight or without it. Then the log goes
// on, loses power once more, and everything acknowledged in its second life has to be there too.
#include <fmt/format.h>

#include <cstdint>
#include <memory>
#include <span>
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

Life RunScript(SimDisk& disk, const LogModel& model, const std::vector<LogStep>& script) {
  Life life{.acknowledged = model, .in_flight = model, .status = {}, .opened = true};
  absl::StatusOr<SegmentedLog::Opened> opened = SegmentedLog::Open(disk, kOptions);
  life.status = opened.status();
  life.opened = opened.ok();
  for (std::size_t i = 0; i < script.size() && life.status.ok(); ++i) {
    life.in_flight.Apply(script[i]);
    life.status = Perform(*opened->log, script[i]);
    if (life.status.ok()) life.acknowledged = life.in_flight;
  }
  return life;
}

// The state that was recovered, if it is a legal one.
absl::StatusOr<LogModel> RecoverLegal(SimDisk& disk, const Life& life) {
  CAIRN_ASSIGN_OR_RETURN(const SegmentedLog::Opened opened, SegmentedLog::Open(disk, kOptions));
  const std::string without = Difference(life.acknowledged, opened.contents);
  if (without.empty()) return life.acknowledged;
  const std::string with = Difference(life.in_flight, opened.contents);
  if (with.empty()) return life.in_flight;
  return absl::InternalError(fmt::format("without the last step: {}; with it: {}", without, with));
}

// Of an undisturbed run; 0 if it went wrong.
std::uint64_t OperationsOf(const std::vector<LogStep>& script) {
  SimDisk disk;
  return RunScript(disk, {}, script).status.ok() ? disk.operations().size() : 0;
}

}  // namespace

std::string CrashAtEveryOperation() {
  const std::vector<LogStep> script = EverydayScript();
  const std::uint64_t operations = OperationsOf(script);
  if (operations < 60) return "the run without a crash went wrong";
  for (std::uint64_t crash = 0; crash < operations; ++crash) {
    SimDisk crashed;
    crashed.CrashAt(crash);
    const Life first = RunScript(crashed, {}, script);
    for (const Outcome& outcome : Outcomes()) {
      const std::string place = fmt::format("crash at operation {}, {}: ", crash, outcome.name);
      const std::unique_ptr<SimDisk> disk = crashed.Clone();
      Strike(*disk, outcome);
      absl::StatusOr<LogModel> recovered = RecoverLegal(*disk, first);
      if (!recovered.ok()) return place + recovered.status().ToString();

      disk->KillProcess();
      const Life second = RunScript(*disk, *recovered, Continuation(*recovered));
      if (!second.status.ok()) return place + "going on: " + second.status.ToString();
      disk->LosePower({});
      recovered = RecoverLegal(*disk, second);
      if (!recovered.ok()) return place + "after a second life: " + recovered.status().ToString();
    }
  }
  return "";
}

namespace {

// `struck` is what the end of a first life left; a second one is ended at each of its operations.
std::string CrashAgain(const SimDisk& struck, const Life& first, std::span<const Outcome> outcomes) {
  // The legal state is settled by a recovery on a copy; the crashing one may not decide otherwise.
  const absl::StatusOr<LogModel> settled = RecoverLegal(*struck.Clone(), first);
  if (!settled.ok()) return settled.status().ToString();
  for (std::uint64_t crash = 0; crash < 24; ++crash) {
    for (const Outcome& outcome : outcomes) {
      const std::string place = fmt::format("then at {}, {}: ", crash, outcome.name);
      const std::unique_ptr<SimDisk> disk = struck.Clone();
      disk->CrashAt(disk->operations().size() + crash);
      const Life second = RunScript(*disk, *settled, Continuation(*settled));
      Strike(*disk, outcome);
      // A log that was not opened has shown nothing to anybody: what was in flight may still go either way.
      absl::StatusOr<LogModel> recovered = RecoverLegal(*disk, second.opened ? second : first);
      if (!recovered.ok()) return place + recovered.status().ToString();
      disk->LosePower({});
      // What an opened log showed is durable, though nothing was written to it since.
      const Life third{.acknowledged = *recovered, .in_flight = *recovered, .status = {}, .opened = true};
      recovered = RecoverLegal(*disk, third);
      if (!recovered.ok()) return place + "shown, and lost: " + recovered.status().ToString();
    }
  }
  return "";
}

}  // namespace

std::string CrashInRecoveryToo() {
  const std::vector<LogStep> script = EverydayScript();
  const std::uint64_t operations = OperationsOf(script);
  const std::vector<Outcome> outcomes = Outcomes();
  // Pairs that matter, not all pairs: a process killed and then the power lost is how a recovery builds on
  // what was never synced; the others take turns.
  const std::vector<Outcome> names_or_writes_lost = {outcomes[1], outcomes[3], outcomes[4]};
  for (std::uint64_t crash = 0; crash < operations; ++crash) {
    SimDisk crashed;
    crashed.CrashAt(crash);
    const Life first = RunScript(crashed, {}, script);
    const Outcome& other = outcomes[crash % outcomes.size()];
    const std::unique_ptr<SimDisk> killed = crashed.Clone();
    Strike(*killed, outcomes[0]);
    std::string found = CrashAgain(*killed, first, names_or_writes_lost);
    if (!found.empty()) return fmt::format("killed at operation {}, {}", crash, found);
    Strike(crashed, other);
    found = CrashAgain(crashed, first, std::span(outcomes).subspan(crash % (outcomes.size() - 1), 2));
    if (!found.empty()) return fmt::format("crash at operation {}, {}, {}", crash, other.name, found);
  }
  return "";
}

namespace {

// After an error and the end of the process, each operation of the next recovery fails as well, once. What
// the one after that shows has to be legal, and stays.
std::string FailInRecovery(const SimDisk& failed, const Life& life) {
  for (std::uint64_t failing = 0; failing < 12; ++failing) {
    const std::string place = fmt::format("then at {}: ", failing);
    const std::unique_ptr<SimDisk> disk = failed.Clone();
    disk->KillProcess();
    disk->FailAt(disk->operations().size() + failing, absl::UnknownError("Input/output error"));
    (void)SegmentedLog::Open(*disk, kOptions);
    disk->KillProcess();
    absl::StatusOr<LogModel> recovered = RecoverLegal(*disk, life);
    if (!recovered.ok()) return place + recovered.status().ToString();
    disk->LosePower({});
    const Life shown{.acknowledged = *recovered, .in_flight = *recovered, .status = {}, .opened = true};
    recovered = RecoverLegal(*disk, shown);
    if (!recovered.ok()) return place + "shown, and lost: " + recovered.status().ToString();
  }
  return "";
}

}  // namespace

std::string FailAtEveryOperation() {
  const std::vector<LogStep> script = EverydayScript();
  const std::uint64_t operations = OperationsOf(script);
  for (std::uint64_t failing = 0; failing < operations; ++failing) {
    SimDisk failed;
    failed.FailAt(failing, absl::UnknownError("fdatasync: Input/output error"));
    absl::StatusOr<SegmentedLog::Opened> opened = SegmentedLog::Open(failed, kOptions);
    Life life{.acknowledged = {}, .in_flight = {}, .status = opened.status(), .opened = opened.ok()};
    for (const LogStep& step : script) {
      if (!opened.ok()) break;
      const absl::Status status = Perform(*opened->log, step);
      if (!life.status.ok()) {
        if (status == life.status) continue;  // Poisoned: the same words for ever.
        return fmt::format("error at operation {}: then {}", failing, status.ToString());
      }
      life.status = status;
      life.in_flight.Apply(step);
      if (status.ok()) life.acknowledged = life.in_flight;
    }
    if (life.status.ok()) return fmt::format("the error at operation {} was swallowed", failing);
    for (const Outcome& outcome : Outcomes()) {
      const std::unique_ptr<SimDisk> disk = failed.Clone();
      Strike(*disk, outcome);
      const std::string place = fmt::format("error at operation {}, {}: ", failing, outcome.name);
      absl::StatusOr<LogModel> recovered = RecoverLegal(*disk, life);
      if (!recovered.ok()) return place + recovered.status().ToString();
      // What the failed sync left in the cache alone was perhaps shown. Then it has to stay.
      disk->LosePower({});
      const Life shown{.acknowledged = *recovered, .in_flight = *recovered, .status = {}, .opened = true};
      recovered = RecoverLegal(*disk, shown);
      if (!recovered.ok()) return place + "shown, and lost: " + recovered.status().ToString();
    }
    const std::string found = FailInRecovery(failed, life);
    if (!found.empty()) return fmt::format("error at operation {}, {}", failing, found);
  }
  return "";
}

std::string FillTheDisk() {
  const std::vector<LogStep> script = EverydayScript();
  for (std::uint64_t capacity = 0; capacity <= 8 * kScriptSegmentBytes; capacity += 2048) {
    SimDisk disk;
    disk.SetCapacity(capacity);
    const Life life = RunScript(disk, {}, script);
    if (!life.status.ok() && !absl::IsResourceExhausted(life.status)) return life.status.ToString();
    disk.LosePower({});
    disk.SetCapacity(std::uint64_t{1} << 30);
    const absl::StatusOr<LogModel> recovered = RecoverLegal(disk, life);
    if (!recovered.ok()) return fmt::format("{} bytes: {}", capacity, recovered.status().ToString());
  }
  return "";
}

}  // namespace cairn::raft
