#include "cmd/cairnctl/global_options.h"

#include <cctype>
#include <vector>

#include "cmd/cairnctl/exit_code.h"

namespace cairn::ctl {

void GlobalOptions::AddTo(FlagSet& flags) {
  flags.Add("endpoints", &endpoints, "where nodes answer, as host:port, separated by commas")
      .Add("dial-timeout", &dial_timeout, "how long connecting may take")
      .Add("command-timeout", &command_timeout, "how long a command may take (not watch)")
      .Add("keepalive-time", &keepalive_time, "ask a silent node for a sign of life after this time")
      .Add("keepalive-timeout", &keepalive_timeout, "and give it up when none comes within this time")
      .Add("write-out", &format, "the output format: simple, fields, json, table, protobuf",
           {"simple", "fields", "json", "table", "protobuf"}, 'w')
      .Add("hex", &hex, "print keys and values as hexadecimal bytes")
      .Add("debug", &debug, "taken for the sake of scripts; changes nothing")
      .Add("insecure-transport", &insecure_transport, "do without TLS; the only way there is yet")
      .Add("insecure-skip-tls-verify", &insecure_skip_verify, "do not check the server's certificate")
      .Add("cacert", &cacert, "certificates to check servers against; not supported yet")
      .Add("cert", &cert, "the client's certificate; not supported yet")
      .Add("key", &key, "the client's key; not supported yet")
      .Add("user", &user, "name[:password] to log in with; not supported yet")
      .Add("password", &password, "password to log in with; not supported yet")
      .Add("max-request-bytes", &max_request_bytes, "taken for the sake of scripts; the nodes set the limit")
      .Add("max-recv-bytes", &max_receive_bytes,
           "taken for the sake of scripts; answers of any size are read")
      .Add("discovery-srv", &discovery_srv,
           "a DNS domain to find endpoints in; not supported, use --endpoints", {}, 'd')
      .Add("discovery-srv-name", &discovery_srv_name, "goes with --discovery-srv")
      .Add("insecure-discovery", &insecure_discovery, "goes with --discovery-srv");
}

absl::Status SetFromEnvironment(FlagSet& flags, const Environment& environment) {
  std::vector<std::string> names;
  for (const FlagSet::Flag& flag : flags.flags()) {
    names.push_back(flag.name);
  }
  for (const std::string& name : names) {
    std::string variable;
    for (const char c : name) {
      variable += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    }
    for (const char* prefix : {"CAIRNCTL_", "ETCDCTL_"}) {
      const std::optional<std::string> value = environment(prefix + variable);
      // As etcdctl: an empty variable is none.
      if (!value.has_value() || value->empty()) continue;
      if (absl::Status status = flags.Set(name, *value); !status.ok()) return status;
      break;
    }
  }
  return absl::OkStatus();
}

absl::Status Check(const GlobalOptions& options) {
  if (!options.cacert.empty() || !options.cert.empty() || !options.key.empty() ||
      !options.insecure_transport) {
    return BadFeature(
        "TLS is not supported yet: leave out --cacert, --cert, --key and --insecure-transport=false");
  }
  if (!options.user.empty() || !options.password.empty()) {
    return BadFeature("logging in is not supported yet: leave out --user and --password");
  }
  if (!options.discovery_srv.empty()) {
    return BadFeature(
        "finding endpoints by DNS is not supported: leave out --discovery-srv and name the nodes with "
        "--endpoints");
  }
  return absl::OkStatus();
}

}  // namespace cairn::ctl
