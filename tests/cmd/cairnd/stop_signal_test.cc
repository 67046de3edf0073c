#include "cmd/cairnd/stop_signal.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <thread>

namespace cairn::node {
namespace {

using std::chrono::milliseconds;
using ::testing::ExitedWithCode;

// In a process of their own each: signals and their handlers are the process's.

TEST(StopSignalDeathTest, TheFirstSignalIsWaitedForAndEndsNothing) {
  EXPECT_EXIT(
      {
        const auto stop = StopSignal::Create();
        (*stop)->CatchNext();
        const bool early = (*stop)->Wait(milliseconds(0));
        kill(getpid(), SIGTERM);
        const bool came = (*stop)->Wait(milliseconds(10000));
        (*stop)->ExitOnNext();
        std::_Exit(!early && came ? 0 : 3);
      },
      ExitedWithCode(0), "");
}

// A node that recovers has nothing to stop in order, and may take minutes.
TEST(StopSignalDeathTest, BeforeAnythingIsCaughtASignalEndsTheProcess) {
  EXPECT_EXIT(
      {
        const auto stop = StopSignal::Create();
        kill(getpid(), SIGTERM);
        std::_Exit(3);  // Not reached: the signal is delivered before kill() returns.
      },
      ExitedWithCode(1), "");
}

// The threads of a node are made before signals are caught.
TEST(StopSignalDeathTest, ThreadsThatWereThereBeforeEndNothing) {
  EXPECT_EXIT(
      {
        const auto stop = StopSignal::Create();
        std::atomic<bool> over{false};
        std::thread earlier([&over] { over.wait(false); });
        (*stop)->CatchNext();
        pthread_kill(earlier.native_handle(), SIGTERM);
        const bool came = (*stop)->Wait(milliseconds(10000));
        over = true;
        over.notify_all();
        earlier.join();
        std::_Exit(came ? 0 : 3);
      },
      ExitedWithCode(0), "");
}

TEST(StopSignalDeathTest, TheSecondSignalEndsTheProcessAtOnce) {
  EXPECT_EXIT(
      {
        const auto stop = StopSignal::Create();
        (*stop)->CatchNext();
        kill(getpid(), SIGINT);
        (*stop)->Wait(milliseconds(10000));
        (*stop)->ExitOnNext();
        kill(getpid(), SIGTERM);
        std::_Exit(3);  // Not reached: the signal is delivered before kill() returns.
      },
      ExitedWithCode(1), "");
}

TEST(StopSignalDeathTest, RaiseIsLikeASignal) {
  EXPECT_EXIT(
      {
        const auto stop = StopSignal::Create();
        (*stop)->Raise();
        std::_Exit((*stop)->Wait(milliseconds(0)) ? 0 : 3);
      },
      ExitedWithCode(0), "");
}

}  // namespace
}  // namespace cairn::node
