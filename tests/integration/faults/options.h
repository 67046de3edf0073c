#pragma once

#include <chrono>
#include <csignal>
#include <optional>
#include <string>

namespace cairn::faults {

enum class Mode { kRollingKills, kKillAll, kFailover };

struct Options {
  std::string server_binary;
  std::string data;  // Empty: a new directory under /tmp, removed after success.
  int nodes = 3;
  int base_port = 24379;  // Of the first node's clients; its peers one above; the next node 10 above.
  int kills = 100;        // In all; of kKillAll: rounds.
  int signal = SIGKILL;   // For kFailover: SIGKILL or SIGSTOP.
  Mode mode = Mode::kRollingKills;
  int writers_per_node = 1;
  std::chrono::seconds max_time{1800};
  bool keep = false;  // Keep the data after success, too.
  std::string json;   // Failover figures go to this file, too.
  // Fail-overs that take longer are a violation: half of them, any of them.
  std::optional<double> max_median_ms;
  std::optional<double> max_ms;
  std::string server_flags;  // More flags for the servers, separated by spaces.
};

// Prints help or what is wrong; then an exit code.
struct ParseResult {
  Options options;
  std::optional<int> exit_code;
};
ParseResult ParseOptions(int argc, char** argv);

}  // namespace cairn::faults
