#pragma once

#include <absl/status/status.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "cmd/cairnctl/flags.h"

namespace cairn::ctl {

// What every command takes.
struct GlobalOptions {
  std::string endpoints = "127.0.0.1:2379";
  std::chrono::milliseconds dial_timeout{2000};
  std::chrono::milliseconds command_timeout{5000};
  std::chrono::milliseconds keepalive_time{6000};
  std::chrono::milliseconds keepalive_timeout{4000};
  std::string format = "simple";
  bool hex = false;
  bool debug = false;
  bool insecure_transport = true;
  bool insecure_skip_verify = false;
  std::string cacert;
  std::string cert;
  std::string key;
  std::string user;
  std::string password;
  std::int64_t max_request_bytes = 0;
  std::int64_t max_receive_bytes = 0;
  std::string discovery_srv;
  std::string discovery_srv_name;
  bool insecure_discovery = true;

  void AddTo(FlagSet& flags);
};

using Environment = std::function<std::optional<std::string>(const std::string& name)>;

// Sets each flag from CAIRNCTL_<NAME>, else ETCDCTL_<NAME>, with dashes as underscores; an empty variable
// counts as absent. To be called before the command line is parsed, which then wins. REQUIRES: `flags` holds
// the global flags only.
absl::Status SetFromEnvironment(FlagSet& flags, const Environment& environment);

// Refuses what cannot be honoured, rather than doing without: TLS, passwords, endpoints from DNS.
absl::Status Check(const GlobalOptions& options);

}  // namespace cairn::ctl
