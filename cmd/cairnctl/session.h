#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/status/status.h>
#include <absl/synchronization/mutex.h>

#include <memory>
#include <string_view>

#include "cmd/cairnctl/exit_code.h"
#include "cmd/cairnctl/global_options.h"
#include "cmd/cairnctl/printer.h"
#include "kv/client/client.h"

namespace cairn::ctl {

// One run of the program: its options, its output, its client. Out() and Err() are safe to use from many
// threads and write what they are given in one piece.
class Session {
 public:
  explicit Session(GlobalOptions options) : options_(std::move(options)) {}

  const GlobalOptions& options() const { return options_; }

  // Checks options, format and endpoints; before anything is sent.
  absl::Status Prepare(AnswerKind kind, bool value_only = false);
  // For commands that show nothing of the above.
  absl::Status PrepareClient();

  // REQUIRES: Prepare() returned OK.
  const Printer& printer() const { return *printer_; }
  kv::client::Client& client() { return *client_; }
  kv::client::CallOptions call_options() const;
  kv::client::ChannelOptions channel_options() const;

  // kSuccess once the system has taken all of it; else says on standard error why not.
  [[nodiscard]] ExitCode Out(std::string_view text) ABSL_LOCKS_EXCLUDED(mu_);
  void Err(std::string_view text) ABSL_LOCKS_EXCLUDED(mu_);

  // Prints "Error: …", and below it what else the status knows: the endpoint and what to try. Returns the
  // exit code.
  ExitCode Fail(const absl::Status& status);

 private:
  const GlobalOptions options_;
  absl::Mutex mu_;  // Keeps the pieces of output apart.
  std::unique_ptr<Printer> printer_;
  std::unique_ptr<kv::client::Client> client_;
};

// What a person may do about a refusal that the server put in etcd's words; may be empty.
std::string AdviceForRefusal(std::string_view message);

}  // namespace cairn::ctl
