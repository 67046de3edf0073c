// cairn-faults: see README.md in this folder.

#include <fmt/format.h>

#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <mutex>

#include "raft/base/status.h"
#include "tests/integration/faults/final_check.h"
#include "tests/integration/faults/nemesis.h"
#include "tests/integration/faults/report.h"

namespace cairn::faults {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kStartUp{60'000};
constexpr milliseconds kCatchUp{60'000};

void OnSignal(int) { interrupted = true; }

// Sets `interrupted` when the time is up.
class Alarm {
 public:
  explicit Alarm(std::chrono::seconds time)
      : thread_([this, time] {
          std::unique_lock lock(mu_);
          if (!stopped_cv_.wait_for(lock, time, [this] { return stopped_; })) {
            fired_ = true;
            interrupted = true;
          }
        }) {}
  ~Alarm() {
    {
      const std::lock_guard lock(mu_);
      stopped_ = true;
    }
    stopped_cv_.notify_all();
    thread_.join();
  }
  bool fired() {
    const std::lock_guard lock(mu_);
    return fired_;
  }

 private:
  std::mutex mu_;
  std::condition_variable stopped_cv_;
  bool stopped_ = false;
  bool fired_ = false;
  std::thread thread_;
};

absl::Status Strike(const Options& options, Cluster& cluster, const KeyBoard& board, Verdict& verdict,
                    Figures& figures) {
  switch (options.mode) {
    case Mode::kRollingKills:
      return RollingKills(cluster, board, options.kills);
    case Mode::kKillAll:
      return KillAll(cluster, board, options.kills);
    case Mode::kFailover:
      return Failover(cluster, board, verdict, options.kills, options.signal, figures.failover_ms);
  }
  return absl::OkStatus();
}

// The whole run; an error is a reason to fail besides violations.
absl::Status Run(const Options& options, const std::string& directory, Verdict& verdict) {
  Cluster cluster(options, directory);
  CAIRN_RETURN_IF_ERROR(cluster.CheckPorts());
  CAIRN_RETURN_IF_ERROR(cluster.StartAll());
  CAIRN_RETURN_IF_ERROR(cluster.WaitAllServing(kStartUp));
  const absl::StatusOr<std::int64_t> base = FinalRevision(cluster);
  if (!base.ok()) return base.status();

  const auto start = std::chrono::steady_clock::now();
  History history(*base, verdict);
  KeyBoard board;
  Figures figures;
  Load load(cluster, history, board, verdict, options.writers_per_node);
  absl::Status status = Strike(options, cluster, board, verdict, figures);
  CheckFailover(options, figures.failover_ms, verdict);

  // The checks are made even if a node did not come back: what the others have is worth knowing.
  load.StopWritersAndReaders();
  for (std::size_t node = 0; node < cluster.size(); ++node) {
    if (!cluster.running(node)) cluster.Start(node).IgnoreError();
  }
  if (const absl::Status serving = cluster.WaitAllServing(kCatchUp); status.ok()) status = serving;
  const absl::StatusOr<std::int64_t> revision = FinalRevision(cluster);
  if (!revision.ok()) return status.ok() ? revision.status() : status;
  figures.revision = *revision;
  load.FinishWatchers(*revision, kCatchUp);
  figures.keys = CheckNodes(cluster, board, *revision, verdict);
  figures.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  PrintReport(options, figures, load.counters(), verdict);
  return status;
}

absl::StatusOr<std::string> MakeDirectory(const Options& options) {
  std::error_code error;
  if (options.data.empty()) {
    std::string name = (std::filesystem::temp_directory_path(error) / "cairn-faults-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr)
      return absl::UnavailableError("cannot make a directory like " + name);
    return name;
  }
  std::filesystem::create_directories(options.data, error);
  if (error) return absl::UnavailableError(fmt::format("cannot make {}: {}", options.data, error.message()));
  if (!std::filesystem::is_empty(options.data, error)) {
    return absl::FailedPreconditionError(fmt::format(
        "{} is not empty; name a new directory, so that nothing old is taken for new", options.data));
  }
  return std::filesystem::absolute(options.data).string();
}

int Main(int argc, char** argv) {
  const ParseResult parsed = ParseOptions(argc, argv);
  if (parsed.exit_code.has_value()) return *parsed.exit_code;
  const Options& options = parsed.options;
  if (access(options.server_binary.c_str(), X_OK) != 0) {
    fmt::print(stderr, "{} cannot be run; name the server with its path\n", options.server_binary);
    return 1;
  }
  signal(SIGINT, OnSignal);
  signal(SIGTERM, OnSignal);
  const absl::StatusOr<std::string> directory = MakeDirectory(options);
  if (!directory.ok()) {
    fmt::print(stderr, "{}\n", MessageOf(directory.status()));
    return 1;
  }
  PrintHead(options, *directory);
  Verdict verdict;
  absl::Status status;
  {
    Alarm alarm(options.max_time);
    status = Run(options, *directory, verdict);
    if (alarm.fired()) status = absl::DeadlineExceededError("the time of --max-seconds is up");
  }
  const bool passed = status.ok() && verdict.count() == 0 && !interrupted;
  if (passed) {
    fmt::print("\nPASS: no violation\n");
  } else {
    std::string why = status.ok() ? "" : std::string(MessageOf(status)) + "; ";
    fmt::print("\nFAIL: {}{} violations; data and logs are in {}\n", why, verdict.count(), *directory);
  }
  if (passed && !options.keep && options.data.empty()) {
    std::error_code ignored;
    std::filesystem::remove_all(*directory, ignored);
  }
  return passed ? 0 : 1;
}

}  // namespace
}  // namespace cairn::faults

int main(int argc, char** argv) { return cairn::faults::Main(argc, argv); }
