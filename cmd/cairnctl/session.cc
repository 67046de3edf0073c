#include "cmd/cairnctl/session.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

#include "raft/base/status.h"

namespace cairn::ctl {

absl::Status Session::Prepare(AnswerKind kind, bool value_only) {
  if (value_only && options_.format != "simple") {
    return BadArguments("print-value-only is only for `--write-out=simple`");
  }
  printer_ = MakePrinter({.format = options_.format, .hex = options_.hex, .value_only = value_only});
  if (printer_ == nullptr) return BadFeature("unsupported output format");
  if (!printer_->Supports(kind)) return BadFeature(options_.format + " not supported as output format");
  return PrepareClient();
}

absl::Status Session::PrepareClient() {
  if (absl::Status status = Check(options_); !status.ok()) return status;
  absl::StatusOr<std::vector<kv::client::Endpoint>> endpoints =
      kv::client::ParseEndpoints(options_.endpoints);
  if (!endpoints.ok()) return BadArguments(std::string(MessageOf(endpoints.status())));
  client_ = std::make_unique<kv::client::Client>(*std::move(endpoints), channel_options());
  return absl::OkStatus();
}

kv::client::CallOptions Session::call_options() const {
  kv::client::CallOptions options;
  options.timeout = options_.command_timeout;
  options.dial_timeout = options_.dial_timeout;
  return options;
}

kv::client::ChannelOptions Session::channel_options() const {
  return {.dial_timeout = options_.dial_timeout,
          .keepalive_time = options_.keepalive_time,
          .keepalive_timeout = options_.keepalive_timeout};
}

ExitCode Session::Out(std::string_view text) {
  int error = 0;
  {
    const absl::MutexLock lock(&mu_);
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
      error = errno;
    }
  }
  if (error == 0) return kSuccess;
  return Fail(absl::UnavailableError(
      fmt::format("cannot write to standard output: {}", std::generic_category().message(error))));
}

void Session::Err(std::string_view text) {
  const absl::MutexLock lock(&mu_);
  std::fwrite(text.data(), 1, text.size(), stderr);
}

ExitCode Session::Fail(const absl::Status& status) {
  std::string text = fmt::format("Error: {}\n", MessageOf(status));
  const std::string endpoint = kv::client::EndpointOf(status);
  std::string advice = kv::client::AdviceOf(status);
  if (advice.empty()) advice = AdviceForRefusal(MessageOf(status));
  if (!endpoint.empty()) {
    text += fmt::format("  endpoint: {}", endpoint);
    if (client_ != nullptr && client_->endpoints().size() > 1) {
      text += fmt::format(" (of {})", client_->endpoints().Names());
    }
    text += '\n';
  }
  if (!advice.empty()) text += fmt::format("  try: {}\n", advice);
  Err(text);
  return ExitCodeOf(status);
}

std::string AdviceForRefusal(std::string_view message) {
  struct Entry {
    std::string_view part;
    const char* advice;
  };
  constexpr Entry kEntries[] = {
      {"required revision has been compacted", "leave out --rev for the present, or give a later one"},
      {"required revision is a future revision", "leave out --rev for the present, or give an earlier one"},
      {"key is not provided", "give a key that is not empty; `get \"\" --prefix` reads all keys"},
      {"key not found", "--ignore-value and --ignore-lease need a key that exists: put it first"},
      {"requested lease not found", "grant a lease first and give its id in hexadecimal"},
      {"duplicate key given in txn request", "a transaction may put or delete a key once per branch"},
      {"too many operations in txn request", "split the transaction; 128 operations are the usual limit"},
      {"request is too large", "a value may have about 1.5 MiB: store it in parts"},
      {"database space exceeded", "delete or compact, then disarm the alarm"},
      {"bad leader transferee", "name a voting member: see `cairnctl member list`"},
      {"not leader", "name the leader's endpoint: see `cairnctl endpoint status --cluster`"},
  };
  for (const Entry& entry : kEntries) {
    if (message.find(entry.part) != std::string_view::npos) return entry.advice;
  }
  return "";
}

}  // namespace cairn::ctl
