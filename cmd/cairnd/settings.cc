#include "cmd/cairnd/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "raft/base/status.h"

namespace cairn::node {
namespace {

using std::chrono::milliseconds;

// The core counts in ticks of 10 ms.
constexpr std::int64_t kTickMs = 10;

template <typename... Arguments>
absl::Status Wrong(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  return absl::InvalidArgumentError(fmt::format(format, std::forward<Arguments>(arguments)...));
}

absl::StatusOr<std::vector<Url>> UrlsOf(const FlagValues& flags, std::string_view flag,
                                        std::string_view fallback) {
  absl::StatusOr<std::vector<Url>> urls = ParseUrls(flags.Text(flag, fallback));
  if (!urls.ok()) return Annotate(urls.status(), fmt::format("--{}", flag));
  return urls;
}

// What others are told to use: what was given, or the addresses listened on if others can use those.
absl::StatusOr<std::vector<std::string>> AdvertisedUrls(const FlagValues& flags, std::string_view flag,
                                                        std::string_view listen_flag,
                                                        const std::vector<Url>& listen) {
  if (flags.Has(flag)) {
    CAIRN_ASSIGN_OR_RETURN(const std::vector<Url> urls, UrlsOf(flags, flag, ""));
    for (const Url& url : urls) {
      if (url.IsWildcard()) return Wrong("--{}: nobody can reach {}; name this host", flag, url.text);
    }
    return TextsOf(urls);
  }
  for (const Url& url : listen) {
    if (url.IsWildcard() || url.port == 0) {
      return Wrong("--{} is needed, because others cannot use {} of --{}", flag, url.text, listen_flag);
    }
  }
  return TextsOf(listen);
}

absl::Status TakeAddresses(const FlagValues& flags, Settings& settings) {
  CAIRN_ASSIGN_OR_RETURN(settings.listen_client_urls,
                         UrlsOf(flags, "listen-client-urls", "http://127.0.0.1:2379"));
  CAIRN_ASSIGN_OR_RETURN(settings.listen_peer_urls,
                         UrlsOf(flags, "listen-peer-urls", "http://127.0.0.1:2380"));
  CAIRN_ASSIGN_OR_RETURN(
      settings.advertise_client_urls,
      AdvertisedUrls(flags, "advertise-client-urls", "listen-client-urls", settings.listen_client_urls));
  CAIRN_ASSIGN_OR_RETURN(
      settings.advertise_peer_urls,
      AdvertisedUrls(flags, "initial-advertise-peer-urls", "listen-peer-urls", settings.listen_peer_urls));
  std::sort(settings.advertise_peer_urls.begin(), settings.advertise_peer_urls.end());
  return absl::OkStatus();
}

absl::Status TakeCluster(const FlagValues& flags, Settings& settings) {
  settings.cluster_token = flags.Text("initial-cluster-token", "etcd-cluster");
  const std::string state = flags.Text("initial-cluster-state", "new");
  if (state != "new" && state != "existing") {
    return Wrong("--initial-cluster-state is '{}'; it is either new or existing", state);
  }
  settings.expects_data = state == "existing";

  if (!flags.Has("initial-cluster")) {
    settings.initial_cluster = {{.name = settings.name, .urls = settings.advertise_peer_urls}};
    return absl::OkStatus();
  }
  CAIRN_ASSIGN_OR_RETURN(settings.initial_cluster, ParseInitialCluster(flags.Text("initial-cluster", "")));
  const auto own = std::find_if(settings.initial_cluster.begin(), settings.initial_cluster.end(),
                                [&](const ClusterEntry& entry) { return entry.name == settings.name; });
  if (own == settings.initial_cluster.end()) {
    return Wrong("--initial-cluster has no entry for this member, '{}' (--name)", settings.name);
  }
  if (own->urls != settings.advertise_peer_urls) {
    return Wrong("--initial-cluster gives {} for '{}', and --initial-advertise-peer-urls {}; make them equal",
                 fmt::join(own->urls, ","), settings.name, fmt::join(settings.advertise_peer_urls, ","));
  }
  return absl::OkStatus();
}

absl::Status TakeTiming(const FlagValues& flags, Settings& settings) {
  const std::int64_t heartbeat = flags.Number("heartbeat-interval", settings.heartbeat_interval.count());
  const std::int64_t election = flags.Number("election-timeout", settings.election_timeout.count());
  if (heartbeat < kTickMs || heartbeat % kTickMs != 0) {
    return Wrong("--heartbeat-interval is {} ms; it is counted in steps of {} ms", heartbeat, kTickMs);
  }
  if (election % kTickMs != 0 || election > 50000) {
    return Wrong("--election-timeout is {} ms; it is counted in steps of {} ms, up to 50000", election,
                 kTickMs);
  }
  if (election < 5 * heartbeat) {
    return Wrong("--election-timeout ({} ms) must be at least five times --heartbeat-interval ({} ms)",
                 election, heartbeat);
  }
  settings.heartbeat_interval = milliseconds(heartbeat);
  settings.election_timeout = milliseconds(election);
  return absl::OkStatus();
}

absl::Status TakeLimits(const FlagValues& flags, Settings& settings) {
  const std::int64_t snapshot_count = flags.Number("snapshot-count", 10000);
  if (snapshot_count < 1) return Wrong("--snapshot-count is {}; it must be above 0", snapshot_count);
  settings.snapshot_count = static_cast<std::uint64_t>(snapshot_count);

  const std::int64_t request = flags.Number("max-request-bytes", 1536 << 10);
  if (request < 1024 || request > (32 << 20)) {
    return Wrong("--max-request-bytes is {}; it must be between 1024 and {}", request, 32 << 20);
  }
  settings.max_request_bytes = static_cast<std::size_t>(request);

  const std::int64_t operations = flags.Number("max-txn-ops", 128);
  if (operations < 1) return Wrong("--max-txn-ops is {}; it must be above 0", operations);
  settings.max_txn_ops = operations;

  const std::int64_t quota = flags.Number("quota-backend-bytes", 0);
  settings.quota_bytes = quota == 0 ? settings.quota_bytes : quota;

  const std::int64_t interval =
      flags.Milliseconds("watch-progress-notify-interval", settings.watch_progress_interval.count());
  settings.watch_progress_interval = milliseconds(std::max<std::int64_t>(interval, 100));
  return absl::OkStatus();
}

absl::Status TakeLog(const FlagValues& flags, LogSettings& log) {
  struct Level {
    std::string_view name;
    LogLevel level;
  };
  constexpr auto kLevels = std::to_array<Level>({{"debug", LogLevel::kDebug},
                                                 {"info", LogLevel::kInfo},
                                                 {"warn", LogLevel::kWarning},
                                                 {"error", LogLevel::kError},
                                                 {"dpanic", LogLevel::kFatal},
                                                 {"panic", LogLevel::kFatal},
                                                 {"fatal", LogLevel::kFatal}});
  const std::string name = flags.Text("log-level", "info");
  const auto level =
      std::find_if(kLevels.begin(), kLevels.end(), [&](const Level& each) { return each.name == name; });
  if (level == kLevels.end()) {
    return Wrong("--log-level is '{}'; it is one of debug, info, warn, error, panic, fatal", name);
  }
  log.level = level->level;

  // etcd's loggers are zap and capnslog; the choice between two forms of a line is what is left of it here.
  const std::string logger = flags.Text("logger", "zap");
  if (logger != "zap" && logger != "capnslog" && logger != "text" && logger != "json") {
    return Wrong("--logger is '{}'; it is one of zap, capnslog, text, json", logger);
  }
  const std::string format = flags.Text("log-format", logger == "json" ? "json" : "text");
  if (format != "text" && format != "console" && format != "json") {
    return Wrong("--log-format is '{}'; it is either text or json", format);
  }
  log.format = format == "json" ? LogFormat::kJson : LogFormat::kText;

  log.outputs.clear();
  std::string_view rest;
  const std::string outputs = flags.Text("log-outputs", "default");
  for (rest = outputs;;) {
    const std::size_t comma = rest.find(',');
    const std::string_view output = rest.substr(0, comma);
    if (output.empty()) return Wrong("--log-outputs has an empty entry: '{}'", outputs);
    log.outputs.emplace_back(output == "default" ? "stderr" : output);
    if (comma == std::string_view::npos) return absl::OkStatus();
    rest.remove_prefix(comma + 1);
  }
}

}  // namespace

absl::StatusOr<Settings> MakeSettings(const FlagValues& flags) {
  Settings settings;
  settings.name = flags.Text("name", "default");
  if (settings.name.empty()) return Wrong("--name must not be empty");
  settings.data_directory = flags.Text("data-dir", settings.name + ".cairn");
  if (settings.data_directory.empty()) return Wrong("--data-dir must not be empty");
  settings.log_directory = flags.Text("wal-dir", settings.data_directory + "/log");
  if (settings.log_directory.empty()) settings.log_directory = settings.data_directory + "/log";
  CAIRN_RETURN_IF_ERROR(TakeAddresses(flags, settings));
  CAIRN_RETURN_IF_ERROR(TakeCluster(flags, settings));
  CAIRN_RETURN_IF_ERROR(TakeTiming(flags, settings));
  CAIRN_RETURN_IF_ERROR(TakeLimits(flags, settings));
  CAIRN_RETURN_IF_ERROR(TakeLog(flags, settings.log));
  return settings;
}

}  // namespace cairn::node
