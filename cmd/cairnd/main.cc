// cairnd: a node of cairn.
#include <absl/synchronization/mutex.h>
#include <fmt/format.h>
#include <grpc/support/log.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "cairn_version.h"
#include "cmd/cairnd/flags.h"
#include "cmd/cairnd/log.h"
#include "cmd/cairnd/node.h"
#include "cmd/cairnd/settings.h"
#include "cmd/cairnd/stop_signal.h"
#include "raft/base/status.h"

namespace cairn::node {
namespace {

constexpr int kExitOk = 0;
constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;

constexpr std::chrono::milliseconds kStep{100};
constexpr std::chrono::milliseconds kStopPatience{5000};

std::vector<std::pair<std::string, std::string>> ReadEnvironment() {
  std::vector<std::pair<std::string, std::string>> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    variables.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return variables;
}

int Usage(const absl::Status& status) {
  fmt::print(stderr, "cairnd: {}\n", MessageOf(status));
  return kExitUsage;
}

// Each client costs a descriptor; the soft limit of a login shell is 1024.
void RaiseFileLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// Abseil's search for lock cycles is on in Debian's build and costs several per cent; it stays on where we
// look for mistakes.
void SwitchOffDeadlockDetection() {
#if defined(__OPTIMIZE__) && !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
#endif
}

// gRPC's own words go where ours go, for whoever looks closer: what matters of them we say ourselves.
void TakeGrpcLog() {
  gpr_set_log_verbosity(GPR_LOG_SEVERITY_ERROR);
  gpr_set_log_function(+[](gpr_log_func_args* line) { LogDebug("gRPC says", {{"text", line->message}}); });
}

int Run(const Settings& settings, const std::vector<std::string>& notices) {
  absl::StatusOr<std::unique_ptr<StopSignal>> stop = StopSignal::Create();
  if (!stop.ok()) return Usage(stop.status());
  if (const absl::Status log = SetUpLog(settings.log); !log.ok()) return Usage(log);
  TakeGrpcLog();
  LogInfo("cairnd starts",
          {{"version", CAIRN_VERSION}, {"commit", CAIRN_COMMIT}, {"pid", fmt::to_string(getpid())}});
  for (const std::string& notice : notices) LogWarning(notice);

  std::atomic<bool> failed{false};
  absl::StatusOr<std::unique_ptr<Node>> node = Node::Start(settings, [&](const absl::Status& status) {
    LogError("this member cannot go on", {{"reason", std::string(MessageOf(status))}});
    failed = true;
    (*stop)->Raise();
  });
  if (!node.ok()) {
    LogError("cannot start", {{"reason", std::string(MessageOf(node.status()))}});
    if (absl::IsResourceExhausted(node.status())) {
      LogError("the disk is full; make room and start again, the log alone takes 128 MiB");
    }
    return kExitFailed;
  }
  // Until here nothing was served: a signal simply ended us, however long recovery took.
  (*stop)->CatchNext();
  while (!(*stop)->Wait(kStep)) {
    const absl::Status step = (*node)->Step(std::chrono::steady_clock::now());
    if (step.ok()) continue;
    LogError("this member cannot go on", {{"reason", std::string(MessageOf(step))}});
    failed = true;
    break;
  }
  (*stop)->ExitOnNext();
  LogInfo("stopping");
  const absl::Status closed = (*node)->Stop(failed ? std::chrono::milliseconds(0) : kStopPatience);
  if (!closed.ok()) {
    LogError("the store could not be flushed; the log still has what it lacks",
             {{"reason", std::string(MessageOf(closed))}});
    failed = true;
  }
  LogInfo("stopped");
  return failed ? kExitFailed : kExitOk;
}

int Main(const std::vector<std::string>& arguments) {
  const absl::StatusOr<FlagValues> flags = ParseFlags(arguments, ReadEnvironment());
  if (!flags.ok()) return Usage(flags.status());
  if (flags->Switch("help")) {
    fmt::print("{}", HelpText());
    return kExitOk;
  }
  if (flags->Switch("version")) {
    fmt::print("cairnd {} (commit {})\n", CAIRN_VERSION, CAIRN_COMMIT);
    return kExitOk;
  }
  const absl::StatusOr<Settings> settings = MakeSettings(*flags);
  if (!settings.ok()) return Usage(settings.status());
  SwitchOffDeadlockDetection();
  RaiseFileLimit();
  return Run(*settings, flags->notices());
}

}  // namespace
}  // namespace cairn::node

int main(int argc, char** argv) { return cairn::node::Main({argv + 1, argv + argc}); }
