#include "cmd/cairnd/stop_signal.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

namespace cairn::node {
namespace {

using std::chrono::milliseconds;
using ::testing::ExitedWithCode;

// In a process of their own each: signals and their handlers are the process's.

TEST(StopSignalDeathTest, TheFirstSignalIsWaitedForAndEndsNothing) {
  EXPECT_EXIT(
      {
        const auto stop = StopSignal::Create();
        const bool early = (*stop)->Wait(milliseconds(0));
        kill(getpid(), SIGTERM);
        const bool came = (*stop)->Wait(milliseconds(10000));
        (*stop)->ExitOnNext();
        std::_Exit(!early && came ? 0 : 3);
      },
      ExitedWithCode(0), "");
}

TEST(StopSignalDeathTest, TheSecondSignalEndsTheProcessAtOnce) {
  EXPECT_EXIT(
      {
        const auto stop = StopSignal::Create();
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
