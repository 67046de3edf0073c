#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "cmd/cairnd/flags.h"
#include "cmd/cairnd/urls.h"

namespace cairn::node {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError, kFatal };
enum class LogFormat : std::uint8_t { kText, kJson };

struct LogSettings {
  LogLevel level = LogLevel::kInfo;
  LogFormat format = LogFormat::kText;
  std::vector<std::string> outputs = {"stderr"};  // "stderr", "stdout", or the path of a file.
};

// What one node is told to be. Values only: nothing here has looked at a disk or a network.
struct Settings {
  std::string name;
  std::string data_directory;
  std::string log_directory;  // The Raft log's.

  std::vector<Url> listen_client_urls;
  std::vector<std::string> advertise_client_urls;
  std::vector<Url> listen_peer_urls;
  std::vector<std::string> advertise_peer_urls;  // Sorted.

  std::vector<ClusterEntry> initial_cluster;  // Sorted by name; has an entry for `name`.
  std::string cluster_token;
  bool expects_data = false;  // --initial-cluster-state existing.

  std::chrono::milliseconds heartbeat_interval{50};
  std::chrono::milliseconds election_timeout{300};
  std::uint64_t snapshot_count = 10000;

  std::size_t max_request_bytes = 1536 << 10;
  std::int64_t max_txn_ops = 128;
  std::int64_t quota_bytes = std::int64_t{2} << 30;
  std::chrono::milliseconds watch_progress_interval = std::chrono::minutes(10);

  LogSettings log;
};

// Fills in the defaults and checks that all of it fits together. InvalidArgument with a sentence that names
// the flag.
absl::StatusOr<Settings> MakeSettings(const FlagValues& flags);

}  // namespace cairn::node
