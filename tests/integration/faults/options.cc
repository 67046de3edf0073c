#include "tests/integration/faults/options.h"

#include <CLI/CLI.hpp>

namespace cairn::faults {

ParseResult ParseOptions(int argc, char** argv) {
  ParseResult result;
  Options& options = result.options;
  int kill_all_rounds = 0;
  bool failover = false;
  std::string signal = "KILL";
  std::int64_t max_seconds = options.max_time.count();
  int kills = 0;
  double max_median_ms = 0;
  double max_ms = 0;

  CLI::App app("Kills the nodes of a real cluster under load and checks what clients saw.");
  app.add_option("--server-binary", options.server_binary, "cairnd, or anything that takes etcd's flags")
      ->required();
  app.add_option("--data", options.data,
                 "directory for data and logs (default: a new one, removed after success)");
  app.add_option("--nodes", options.nodes, "how many nodes")->check(CLI::Range(1, 9))->capture_default_str();
  app.add_option("--base-port", options.base_port,
                 "port of the first node's clients; peers one above; next node 10 above")
      ->check(CLI::Range(1024, 65000))
      ->capture_default_str();
  app.add_option("--kills", kills, "how many kills (default: 100; with --failover: 30)")
      ->check(CLI::Range(1, 100000));
  app.add_option("--kill-all", kill_all_rounds, "kill all nodes at once, this many times")
      ->check(CLI::Range(1, 100000));
  CLI::Option* const failover_flag = app.add_flag(
      "--failover", failover, "kill the leader and measure the time to the next acknowledged write");
  app.add_option("--signal", signal, "with --failover: KILL, or STOP (and CONT afterwards)")
      ->check(CLI::IsMember({"KILL", "STOP"}))
      ->capture_default_str();
  app.add_option("--writers", options.writers_per_node, "writers per node")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_option("--max-seconds", max_seconds, "give up after this time")
      ->check(CLI::Range(10, 100000))
      ->capture_default_str();
  app.add_option("--server-flags", options.server_flags, "more flags for the servers, separated by spaces");
  app.add_option("--max-median-ms", max_median_ms,
                 "with --failover: a longer median is a violation (default: not checked)")
      ->check(CLI::PositiveNumber)
      ->needs(failover_flag);
  app.add_option("--max-ms", max_ms,
                 "with --failover: each that takes longer is a violation (default: not checked)")
      ->check(CLI::PositiveNumber)
      ->needs(failover_flag);
  app.add_option("--json", options.json, "write the figures of --failover to this file, too");
  app.add_flag("--keep", options.keep, "keep data and logs after success");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    result.exit_code = app.exit(error);
    return result;
  }
  if (max_median_ms > 0) options.max_median_ms = max_median_ms;
  if (max_ms > 0) options.max_ms = max_ms;
  options.max_time = std::chrono::seconds(max_seconds);
  options.signal = signal == "STOP" ? SIGSTOP : SIGKILL;
  if (failover) options.mode = Mode::kFailover;
  if (kill_all_rounds > 0) options.mode = Mode::kKillAll;
  options.kills = failover ? 30 : options.kills;
  if (kills > 0) options.kills = kills;
  if (kill_all_rounds > 0) options.kills = kill_all_rounds;
  return result;
}

}  // namespace cairn::faults
