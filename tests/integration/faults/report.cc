#include "tests/integration/faults/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <numeric>

namespace cairn::faults {
namespace {

double Percentile(const std::vector<double>& sorted, double part) {
  const auto rank = static_cast<std::size_t>(part * static_cast<double>(sorted.size() - 1) + 0.5);
  return sorted[rank];
}

const char* What(const Options& options) {
  switch (options.mode) {
    case Mode::kRollingKills:
      return "nodes killed in turn (SIGKILL)";
    case Mode::kKillAll:
      return "all nodes killed at once (SIGKILL)";
    case Mode::kFailover:
      return options.signal == SIGKILL ? "leader killed (SIGKILL)" : "leader frozen (SIGSTOP)";
  }
  return "";
}

void PrintFailover(const Options& options, std::vector<double> times) {
  if (times.empty()) return;
  std::sort(times.begin(), times.end());
  const double mean = std::accumulate(times.begin(), times.end(), 0.0) / static_cast<double>(times.size());
  fmt::print("\nfrom the signal to the first acknowledgement of a write begun after it, over {} times:\n",
             times.size());
  fmt::print("  median {:.0f} ms, p90 {:.0f} ms, max {:.0f} ms (min {:.0f}, mean {:.0f})\n",
             Percentile(times, 0.5), Percentile(times, 0.9), times.back(), times.front(), mean);
  if (options.json.empty()) return;
  std::FILE* file = std::fopen(options.json.c_str(), "w");
  if (file == nullptr) {
    fmt::print(stderr, "cannot write {}\n", options.json);
    return;
  }
  fmt::print(file,
             "{{\"what\":\"{}\",\"count\":{},\"median_ms\":{:.1f},\"p90_ms\":{:.1f},\"max_ms\":{:.1f},\"all_"
             "ms\":[{:.1f}]}}\n",
             What(options), times.size(), Percentile(times, 0.5), Percentile(times, 0.9), times.back(),
             fmt::join(times, ","));
  std::fclose(file);
}

}  // namespace

void CheckFailover(const Options& options, std::vector<double> times, Verdict& verdict) {
  if (times.empty()) return;
  for (const double time : times) {
    if (!options.max_ms.has_value() || time <= *options.max_ms) continue;
    verdict.Violation(
        fmt::format("a fail-over took {:.0f} ms, --max-ms allows {:.0f}", time, *options.max_ms));
  }
  std::sort(times.begin(), times.end());
  if (const double median = Percentile(times, 0.5);
      options.max_median_ms.has_value() && median > *options.max_median_ms) {
    verdict.Violation(fmt::format("the median of fail-overs is {:.0f} ms, --max-median-ms allows {:.0f}",
                                  median, *options.max_median_ms));
  }
}

void PrintHead(const Options& options, const std::string& directory) {
  fmt::print(
      "{}: {} nodes of {}, {} times; {} writer{} per node, a reader and a watcher each\ndata and logs: {}\n",
      What(options), options.nodes, options.server_binary, options.kills, options.writers_per_node,
      options.writers_per_node == 1 ? "" : "s", directory);
  std::fflush(stdout);
}

void PrintReport(const Options& options, const Figures& figures, const LoadCounters& counters,
                 const Verdict& verdict) {
  fmt::print(
      "\nin {:.0f} s: {} writes acknowledged, {} without an answer, {} refused; {} linearizable reads, {} "
      "failed\n",
      figures.seconds, counters.acknowledged.load(), counters.unknown.load(), counters.refused.load(),
      counters.reads.load(), counters.failed_reads.load());
  fmt::print("watchers saw {} events and resumed {} times; at the end revision {}, {} keys\n",
             counters.events.load(), counters.resumptions.load(), figures.revision, figures.keys);
  PrintFailover(options, figures.failover_ms);
  if (verdict.count() > 0) {
    fmt::print("\n{} violations:\n", verdict.count());
    for (const std::string& words : verdict.words()) fmt::print("  {}\n", words);
  }
}

}  // namespace cairn::faults
