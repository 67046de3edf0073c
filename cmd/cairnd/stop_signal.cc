#include "cmd/cairnd/stop_signal.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <system_error>

#include "raft/base/assert.h"

namespace cairn::node {
namespace {

// Where the handler writes that a signal came; -1: it ends the process. The only way to tell a handler
// anything.
std::atomic<int> catching{-1};
static_assert(std::atomic<int>::is_always_lock_free, "a handler may use nothing else");

// A handler, and no blocked signals: those would be inherited by every thread made before CatchNext(), and
// could end nothing while the main thread waits for a disk.
void OnSignal(int /*signal*/) {
  const int raised = catching.load();
  if (raised < 0) _exit(1);
  const int interrupted = errno;
  const std::uint64_t one = 1;
  // Full is as good: it has been raised already.
  [[maybe_unused]] const ssize_t written = write(raised, &one, sizeof(one));
  errno = interrupted;
}

}  // namespace

absl::StatusOr<std::unique_ptr<StopSignal>> StopSignal::Create() {
  // A client that hangs up while we write is no reason to end.
  struct sigaction ignore{};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, nullptr);

  const int raised = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (raised < 0) {
    return absl::InternalError(
        fmt::format("cannot wait for signals: {}", std::generic_category().message(errno)));
  }
  struct sigaction action{};
  action.sa_handler = &OnSignal;
  action.sa_flags = SA_RESTART;
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  return std::unique_ptr<StopSignal>(new StopSignal(raised));
}

StopSignal::~StopSignal() {
  ExitOnNext();
  close(raised_);
}

void StopSignal::CatchNext() { catching.store(raised_); }

bool StopSignal::Wait(std::chrono::milliseconds timeout) {
  pollfd descriptor{.fd = raised_, .events = POLLIN, .revents = 0};
  // The signal itself may interrupt the first look.
  int ready = poll(&descriptor, 1, static_cast<int>(timeout.count()));
  if (ready < 0) ready = poll(&descriptor, 1, 0);
  return ready > 0;
}

void StopSignal::Raise() {
  const std::uint64_t one = 1;
  const ssize_t written = write(raised_, &one, sizeof(one));
  CAIRN_ASSERT(written == sizeof(one) || errno == EAGAIN, "written={}", written);
}

void StopSignal::ExitOnNext() { catching.store(-1); }

}  // namespace cairn::node
