#include "cmd/cairn-bench/options.h"

#include <cairn_version.h>

#include <CLI/CLI.hpp>
#include <map>
#include <thread>

#include "raft/base/status.h"

namespace cairn::bench {
namespace {

void AddOptions(CLI::App& app, Options& options, std::string& endpoints, double& seconds, double& warm_up,
                double& timeout) {
  static const std::map<std::string, Target> kTargets = {
      {"all", Target::kAll}, {"leader", Target::kLeader}, {"follower", Target::kFollower}};
  app.add_option("--endpoints", endpoints, "where nodes answer, separated by commas")->capture_default_str();
  app.add_option("--target", options.target, "which nodes get the requests: all, leader, follower")
      ->transform(CLI::CheckedTransformer(kTargets, CLI::ignore_case));
  app.add_option("--clients", options.clients, "requests under way at any time")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  app.add_option("--channels", options.channels, "connections (default: a sixteenth of the clients, 1 to 16)")
      ->check(CLI::Range(1, 10000));
  app.add_option("--threads", options.threads, "threads (default: one per two cores)")
      ->check(CLI::Range(1, 64));
  app.add_option("--total", options.total, "how many requests to measure")->check(CLI::PositiveNumber);
  app.add_option("--duration", seconds, "or for how many seconds")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--warm-up", warm_up, "seconds before measuring begins")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--timeout", timeout, "seconds that a request may take")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--key-size", options.key_size, "bytes of a key")
      ->check(CLI::Range(8, 65536))
      ->capture_default_str();
  app.add_option("--value-size", options.value_size, "bytes of a value")
      ->check(CLI::Range(0, 1 << 20))
      ->capture_default_str();
  app.add_option("--key-space", options.key_space, "how many different keys")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_flag("--sequential", options.sequential_keys, "take keys in order instead of by chance");
  app.add_flag("--serializable", options.serializable, "get: let nodes answer from what they have");
  app.add_option("--seed", options.seed, "of the choice of keys")->capture_default_str();
  app.add_flag("--json", options.json, "print the result as one line of JSON");
}

}  // namespace

ParseResult ParseOptions(int argc, char** argv) {
  ParseResult result;
  Options& options = result.options;
  std::string endpoints = "127.0.0.1:2379";
  double seconds = 10;
  double warm_up = 1;
  double timeout = 10;

  CLI::App app("Puts load on a cluster and measures it.");
  app.set_version_flag("--version", "cairn-bench " CAIRN_VERSION " (" CAIRN_COMMIT ")");
  app.require_subcommand(1);
  CLI::App* put = app.add_subcommand("put", "write keys");
  CLI::App* get =
      app.add_subcommand("get", "read keys that a put with the same sizes and key space has written");
  AddOptions(*put, options, endpoints, seconds, warm_up, timeout);
  AddOptions(*get, options, endpoints, seconds, warm_up, timeout);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    result.exit_code = app.exit(error);
    return result;
  }
  options.operation = put->parsed() ? Operation::kPut : Operation::kGet;
  const auto milliseconds = [](double value) {
    return std::chrono::milliseconds(static_cast<std::int64_t>(value * 1000));
  };
  if (options.total == 0) options.duration = milliseconds(seconds);
  options.warm_up = milliseconds(warm_up);
  options.timeout = milliseconds(timeout);
  absl::StatusOr<std::vector<kv::client::Endpoint>> parsed = kv::client::ParseEndpoints(endpoints);
  if (!parsed.ok()) {
    fmt::print(stderr, "{}\n", MessageOf(parsed.status()));
    result.exit_code = 1;
    return result;
  }
  options.endpoints = *std::move(parsed);
  const int nodes = static_cast<int>(options.endpoints.size());
  if (options.channels == 0) options.channels = std::max(nodes, std::clamp(options.clients / 16, 1, 16));
  options.channels = std::min(options.channels, options.clients);
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  if (options.threads == 0) options.threads = std::max(1, cores / 2);
  options.threads = std::min(options.threads, options.channels);
  return result;
}

}  // namespace cairn::bench
