#include "cmd/cairnd/stop_signal.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <system_error>

#include "raft/base/assert.h"

namespace cairn::node {
namespace {

sigset_t StopSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

}  // namespace

absl::StatusOr<std::unique_ptr<StopSignal>> StopSignal::Create() {
  // A client that hangs up while we write is no reason to end.
  struct sigaction ignore{};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, nullptr);

  const sigset_t set = StopSignals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  const int signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  const int raised = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (signals < 0 || raised < 0) {
    return absl::InternalError(
        fmt::format("cannot wait for signals: {}", std::generic_category().message(errno)));
  }
  return std::unique_ptr<StopSignal>(new StopSignal(signals, raised));
}

StopSignal::~StopSignal() {
  close(signals_);
  close(raised_);
}

bool StopSignal::Wait(std::chrono::milliseconds timeout) {
  std::array<pollfd, 2> descriptors = {pollfd{.fd = signals_, .events = POLLIN, .revents = 0},
                                       pollfd{.fd = raised_, .events = POLLIN, .revents = 0}};
  return poll(descriptors.data(), descriptors.size(), static_cast<int>(timeout.count())) > 0;
}

void StopSignal::Raise() {
  const std::uint64_t one = 1;
  const ssize_t written = write(raised_, &one, sizeof(one));
  CAIRN_ASSERT(written == sizeof(one) || errno == EAGAIN, "written={}", written);
}

void StopSignal::ExitOnNext() {
  // Takes the one that was waited for; else it would count as the next.
  signalfd_siginfo taken;
  while (read(signals_, &taken, sizeof(taken)) == sizeof(taken)) {
  }
  struct sigaction action{};
  action.sa_handler = +[](int /*signal*/) { _exit(1); };
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  const sigset_t set = StopSignals();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

}  // namespace cairn::node
