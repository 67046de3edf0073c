#include "cmd/cairnctl/exec_hook.h"

#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "cmd/cairnctl/go_text.h"

namespace cairn::ctl {
namespace {

std::string QuotedList(const std::vector<std::string>& words) {
  std::string out = "[";
  for (const std::string& word : words) {
    if (out.size() > 1) out += ' ';
    out += Quoted(word);
  }
  return out + ']';
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& string : strings) pointers.push_back(string.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

absl::Status RunHook(const std::vector<std::string>& command, std::int64_t revision,
                     const mvccpb::Event& event) {
  std::vector<std::string> arguments = command;
  std::vector<std::string> environment;
  for (char** variable = environ; *variable != nullptr; ++variable) environment.emplace_back(*variable);
  environment.push_back(fmt::format("ETCD_WATCH_REVISION={}", revision));
  environment.push_back(fmt::format("ETCD_WATCH_EVENT_TYPE={}",
                                    event.type() == mvccpb::Event::DELETE ? "\"DELETE\"" : "\"PUT\""));
  environment.push_back("ETCD_WATCH_KEY=" + Quoted(event.kv().key()));
  environment.push_back("ETCD_WATCH_VALUE=" + Quoted(event.kv().value()));

  const auto failed = [&](const std::string& why) {
    return absl::UnknownError(fmt::format("command {} error ({})", QuotedList(command), why));
  };
  pid_t pid = 0;
  const int error = posix_spawnp(&pid, arguments[0].c_str(), nullptr, nullptr, Pointers(arguments).data(),
                                 Pointers(environment).data());
  if (error != 0) {
    return failed(fmt::format("cannot run {}: {}", command[0], std::generic_category().message(error)));
  }
  int status = 0;
  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return failed("lost sight of it");
  }
  if (WIFSIGNALED(status)) return failed(fmt::format("killed by signal {}", WTERMSIG(status)));
  if (WEXITSTATUS(status) != 0) return failed(fmt::format("exit status {}", WEXITSTATUS(status)));
  return absl::OkStatus();
}

}  // namespace cairn::ctl
