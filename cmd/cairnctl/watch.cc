#include <fmt/format.h>

#include <cstdlib>
#include <iostream>
#include <list>
#include <string>
#include <thread>

#include "cmd/cairnctl/command.h"
#include "cmd/cairnctl/exec_hook.h"
#include "cmd/cairnctl/txn_grammar.h"
#include "cmd/cairnctl/watch_arguments.h"
#include "raft/base/status.h"

namespace cairn::ctl {
namespace {

constexpr Usage kUsage = {
    .path = "watch",
    .arguments = "[key or prefix] [range_end] [--] [command arg1 arg2 ...]",
    .summary = "Watches events stream on keys or prefixes",
    .details =
        "Goes on until it is interrupted. When its node dies, it goes on at another endpoint, if more than "
        "one was\n"
        "given, without losing or repeating an event; else at the same one when that is back.\n"
        "A command after -- is run for each event, with ETCD_WATCH_REVISION, ETCD_WATCH_EVENT_TYPE, "
        "ETCD_WATCH_KEY\n"
        "and ETCD_WATCH_VALUE set. Interactive mode takes lines: watch [flags] key [range_end] [-- "
        "command];\n"
        "progress.",
    .examples =
        "cairnctl watch greeting\n"
        "cairnctl watch --prefix app/ --endpoints 127.0.0.1:2379,127.0.0.1:22379,127.0.0.1:32379\n"
        "cairnctl watch greeting --rev 7              from revision 7 on\n"
        "cairnctl watch greeting -- sh -c 'echo $ETCD_WATCH_KEY changed'",
};

std::optional<std::string> Getenv(const std::string& name) {
  const char* value =
      std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): read before any thread starts.
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

// Long enough not to matter: a watch waits for ever.
constexpr std::chrono::hours kAWhile{1};

// One watch from its first event to its end.
class Follower {
 public:
  Follower(Session& session, WatchPlan plan)
      : session_(session),
        command_(std::move(plan.command)),
        watcher_(session.client().Watch(std::move(plan.options))) {}

  // Prints what comes until the watch ends. Returns why: Aborted if a command or the output failed, which was
  // told.
  absl::Status Follow() {
    while (true) {
      absl::StatusOr<pb::WatchResponse> response = watcher_->Next(kAWhile);
      if (absl::IsDeadlineExceeded(response.status())) continue;
      if (!response.ok()) return Ended(response.status());
      std::string text;
      if (response->events().empty()) {
        text = fmt::format("progress notify: {}\n", response->header().revision());
      }
      if (session_.Out(text + session_.printer().Watch(*response)) != kSuccess) return absl::AbortedError("");
      if (command_.empty()) continue;
      for (const mvccpb::Event& event : response->events()) {
        const absl::Status status = RunHook(command_, response->header().revision(), event);
        if (status.ok()) continue;
        session_.Err(fmt::format("{}\n", MessageOf(status)));
        return absl::AbortedError("");
      }
    }
  }

  void Stop() { watcher_->Stop(); }
  void RequestProgress() { watcher_->RequestProgress(); }

 private:
  absl::Status Ended(const absl::Status& status) {
    if (watcher_->cancellation().has_value()) {
      session_.Err(fmt::format("watch was canceled ({})\n", MessageOf(status)));
      // It ends with an error either way.
      static_cast<void>(session_.Out(session_.printer().Watch(*watcher_->cancellation())));
    }
    return status;
  }

  Session& session_;
  const std::vector<std::string> command_;
  std::unique_ptr<kv::client::Watcher> watcher_;
};

// Lines from standard input; each watch has a thread of its own, joined at the end of input.
class Interactive {
 public:
  Interactive(Session& session, WatchEnvironment environment)
      : session_(session), environment_(std::move(environment)) {}

  ~Interactive() {
    for (Running& running : running_) running.follower.Stop();
    for (Running& running : running_) running.thread.join();
  }

  int Run() {
    std::string line;
    while (std::getline(std::cin, line)) {
      const absl::StatusOr<std::vector<std::string>> words = SplitArguments(line);
      if (!words.ok()) return session_.Fail(words.status());
      if (words->empty()) {
        session_.Err(fmt::format("Invalid command: {} (watch and progress supported)\n", line));
      } else if (words->front() == "watch") {
        if (absl::Status status = Watch(*words, line); !status.ok()) return session_.Fail(status);
      } else if (words->front() == "progress") {
        for (Running& running : running_) running.follower.RequestProgress();
      } else {
        session_.Err(fmt::format("Invalid command {} (only support watch)\n", line));
      }
    }
    return session_.Fail(BadInput("Error reading watch request line: EOF"));
  }

 private:
  struct Running {
    Running(Session& session, WatchPlan plan)
        : follower(session, std::move(plan)), thread([this] {
            // As with a single watch, a command or output that fails ends the program; other threads are
            // inside their own calls, so nothing is torn down.
            if (absl::IsAborted(follower.Follow())) std::_Exit(kError);
          }) {}
    Follower follower;
    std::thread thread;
  };

  absl::Status Watch(const std::vector<std::string>& words, const std::string& line) {
    if (words.size() < 2 && environment_.key.empty()) {
      session_.Err(fmt::format("Invalid command {} (command type or key is not provided)\n", line));
      return absl::OkStatus();
    }
    WatchFlags flags;
    FlagSet set;
    flags.AddTo(set);
    const absl::StatusOr<FlagSet::Parsed> parsed = set.Parse({words.begin() + 1, words.end()});
    if (!parsed.ok()) return BadArguments(std::string(MessageOf(parsed.status())));
    absl::StatusOr<WatchPlan> plan = MakeWatchPlan(flags, *parsed, environment_);
    if (!plan.ok()) {
      session_.Err(fmt::format("Invalid command {} ({})\n", line, MessageOf(plan.status())));
      return absl::OkStatus();
    }
    running_.emplace_back(session_, *std::move(plan));
    return absl::OkStatus();
  }

  Session& session_;
  const WatchEnvironment environment_;
  std::list<Running> running_;  // Never moves: threads point into it.
};

class WatchCommand final : public Command {
 public:
  const Usage& usage() const override { return kUsage; }
  void AddFlags(FlagSet& flags) override {
    flags.Add("interactive", &interactive_, "take watches from standard input", {}, 'i');
    flags_.AddTo(flags);
  }

  int Run(Session& session, const FlagSet::Parsed& parsed) override {
    absl::StatusOr<WatchEnvironment> environment = ReadWatchEnvironment(Getenv);
    if (!environment.ok()) return session.Fail(environment.status());
    if (interactive_) {
      if (absl::Status status = session.Prepare(AnswerKind::kKeyValues); !status.ok())
        return session.Fail(status);
      return Interactive(session, *std::move(environment)).Run();
    }
    absl::StatusOr<WatchPlan> plan = MakeWatchPlan(flags_, parsed, *environment);
    if (!plan.ok()) return session.Fail(plan.status());
    if (absl::Status status = session.Prepare(AnswerKind::kKeyValues); !status.ok())
      return session.Fail(status);
    plan->options.first_open_timeout = session.options().command_timeout;
    Follower follower(session, *std::move(plan));
    const absl::Status end = follower.Follow();
    if (absl::IsAborted(end)) return kError;
    if (absl::IsUnavailable(end)) return session.Fail(end);
    session.Fail(absl::CancelledError("watch is canceled by the server"));
    const std::string advice = AdviceFor(end);
    if (!advice.empty()) session.Err(fmt::format("  try: {}\n", advice));
    return kInterrupted;
  }

 private:
  static std::string AdviceFor(const absl::Status& end) {
    const std::int64_t oldest = kv::client::CompactRevisionOf(end);
    return oldest > 0 ? fmt::format("--rev {}, the oldest revision that can be watched", oldest) : "";
  }

  WatchFlags flags_;
  bool interactive_ = false;
};

}  // namespace

std::unique_ptr<Command> NewWatchCommand() { return std::make_unique<WatchCommand>(); }

}  // namespace cairn::ctl
