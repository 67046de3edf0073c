#include "tests/integration/faults/nemesis.h"

#include <fmt/format.h>

#include <csignal>
#include <cstdio>

#include "raft/base/status.h"
#include "tests/integration/faults/prober.h"

namespace cairn::faults {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kComeBack{30'000};
constexpr milliseconds kProgress{30'000};

// Until `count` more writes were acknowledged.
absl::Status WaitForWrites(Cluster& cluster, const KeyBoard& board, std::int64_t count) {
  const std::int64_t goal = board.acknowledgements() + count;
  const auto end = std::chrono::steady_clock::now() + kProgress;
  while (board.acknowledgements() < goal) {
    if (!Pause(milliseconds(5))) return absl::CancelledError("interrupted");
    CAIRN_RETURN_IF_ERROR(cluster.CheckAlive());
    if (std::chrono::steady_clock::now() > end) {
      return absl::DeadlineExceededError(
          fmt::format("no {} writes were acknowledged within {} ms", count, kProgress.count()));
    }
  }
  return absl::OkStatus();
}

void Tell(int done, int all, const KeyBoard& board) {
  if (done % 10 != 0 && done != all) return;
  fmt::print("  {} of {} done, {} writes acknowledged\n", done, all, board.acknowledgements());
  std::fflush(stdout);
}

}  // namespace

absl::Status RollingKills(Cluster& cluster, const KeyBoard& board, int kills) {
  Rng rng(1);
  for (int kill = 0; kill < kills; ++kill) {
    const std::size_t victim = static_cast<std::size_t>(kill) % cluster.size();
    CAIRN_RETURN_IF_ERROR(WaitForWrites(cluster, board, 50));
    cluster.Kill(victim);
    // The majority goes on without it, for a time that differs; a single node has no majority to go on.
    if (cluster.size() > 2) CAIRN_RETURN_IF_ERROR(WaitForWrites(cluster, board, 50));
    Pause(milliseconds(rng.Below(300)));
    CAIRN_RETURN_IF_ERROR(cluster.Start(victim));
    // Other nodes are not waited for: none other is down.
    CAIRN_RETURN_IF_ERROR(cluster.WaitServing(victim, kComeBack));
    Tell(kill + 1, kills, board);
  }
  return absl::OkStatus();
}

absl::Status KillAll(Cluster& cluster, const KeyBoard& board, int rounds) {
  Rng rng(2);
  for (int round = 0; round < rounds; ++round) {
    CAIRN_RETURN_IF_ERROR(WaitForWrites(cluster, board, 200));
    Pause(milliseconds(rng.Below(500)));
    // The signals first, so that no node outlives the others by the time it takes to bury one.
    for (std::size_t node = 0; node < cluster.size(); ++node) cluster.Signal(node, SIGKILL);
    for (std::size_t node = 0; node < cluster.size(); ++node) cluster.Kill(node);
    CAIRN_RETURN_IF_ERROR(cluster.StartAll());
    CAIRN_RETURN_IF_ERROR(cluster.WaitAllServing(kComeBack));
    Tell(round + 1, rounds, board);
  }
  return absl::OkStatus();
}

absl::Status Failover(Cluster& cluster, const KeyBoard& board, Verdict& verdict, int kills, int signal,
                      std::vector<double>& times) {
  for (int kill = 0; kill < kills; ++kill) {
    CAIRN_RETURN_IF_ERROR(cluster.WaitAllServing(kComeBack));
    CAIRN_RETURN_IF_ERROR(WaitForWrites(cluster, board, 50));
    const absl::StatusOr<std::size_t> leader = cluster.FindLeader(kComeBack);
    if (!leader.ok()) return leader.status();
    Prober prober(cluster, *leader);  // Connected before the signal.
    const auto struck = std::chrono::steady_clock::now();
    cluster.Signal(*leader, signal);
    const absl::StatusOr<std::chrono::steady_clock::time_point> answered =
        prober.FirstAcknowledgement(kComeBack);
    if (answered.ok()) {
      times.push_back(std::chrono::duration<double, std::milli>(*answered - struck).count());
    } else if (!interrupted) {
      verdict.Violation(fmt::format("fail-over {}: {}", kill + 1, MessageOf(answered.status())));
    }
    if (signal == SIGKILL) {
      cluster.Kill(*leader);
      CAIRN_RETURN_IF_ERROR(cluster.Start(*leader));
    } else {
      cluster.Signal(*leader, SIGCONT);
    }
    if (interrupted) return absl::CancelledError("interrupted");
    Tell(kill + 1, kills, board);
  }
  return absl::OkStatus();
}

}  // namespace cairn::faults
