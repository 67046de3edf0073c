#include "tests/integration/faults/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <system_error>
#include <thread>

#include "raft/base/assert.h"

namespace cairn::faults {
namespace {

std::string HowItEnded(int status) {
  if (WIFSIGNALED(status)) return fmt::format("killed by signal {}", WTERMSIG(status));
  return fmt::format("exited with {}", WEXITSTATUS(status));
}

}  // namespace

Process::~Process() {
  if (!running()) return;
  Signal(SIGKILL);
  Wait(std::chrono::milliseconds(0));
}

absl::Status Process::Start() {
  CAIRN_ASSERT(!running(), "it runs as {}", pid_);
  const int log = open(log_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (log < 0) {
    return absl::UnavailableError(
        fmt::format("cannot write {}: {}", log_, std::generic_category().message(errno)));
  }
  // Prepared before fork(): we have threads, so the child may only make system calls.
  std::vector<std::string> words = command_;
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(125);
    signal(SIGINT, SIG_IGN);  // Ctrl-C is for us; we end it.
    dup2(log, 1);
    dup2(log, 2);
    execv(arguments[0], arguments.data());
    _exit(126);
  }
  close(log);
  if (pid < 0) {
    return absl::UnavailableError("cannot start a process: " + std::generic_category().message(errno));
  }
  pid_ = pid;
  return absl::OkStatus();
}

void Process::Signal(int signal) {
  CAIRN_ASSERT(running(), "no process to signal");
  kill(pid_, signal);
}

std::string Process::Wait(std::chrono::milliseconds patience) {
  CAIRN_ASSERT(running(), "no process to wait for");
  const auto deadline = std::chrono::steady_clock::now() + patience;
  bool killed = patience == std::chrono::milliseconds(0);
  int status = 0;
  while (true) {
    const pid_t ended = waitpid(pid_, &status, killed ? 0 : WNOHANG);
    if (ended == pid_) break;
    CAIRN_ASSERT(ended == 0 || errno == EINTR, "lost sight of process {}", pid_);
    if (!killed && std::chrono::steady_clock::now() > deadline) {
      kill(pid_, SIGKILL);
      killed = true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  pid_ = 0;
  return HowItEnded(status);
}

std::optional<std::string> Process::EndedByItself() {
  int status = 0;
  if (!running() || waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
  pid_ = 0;
  return HowItEnded(status);
}

}  // namespace cairn::faults
