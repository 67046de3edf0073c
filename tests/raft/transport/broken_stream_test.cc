#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "tests/raft/transport/child_process.h"
#include "tests/raft/transport/recorder.h"

// How soon the death of a process is known to its peers: fail-over begins with it.
namespace cairn::raft {
namespace {

using testing::ChildProcess;
using testing::Recorder;
using testing::TestMember;
using Seen = Recorder::Seen;
using Clock = std::chrono::steady_clock;

// Kills a peer `rounds` times and returns how long each report took, sorted.
std::vector<std::chrono::microseconds> KillAndWait(NodeId victim, int rounds) {
  std::vector<std::chrono::microseconds> times;
  for (int round = 0; round < rounds; ++round) {
    TestMember survivor(2);
    EXPECT_TRUE(survivor.Start().ok());
    ChildProcess child("raft_transport_peer", {std::to_string(victim.value()),
                                               std::to_string(survivor.id().value()), survivor.url()});
    survivor.transport->SetPeers({{.id = victim, .urls = {child.ReadLine()}, .incarnation = {}}});
    EXPECT_TRUE(survivor.recorder.WaitFor([](const Seen& seen) {
      return seen.NoticesWith("connected") == 1;
    })) << survivor.recorder.notices();
    const auto start = Clock::now();
    child.SendKill();
    EXPECT_TRUE(survivor.recorder.WaitFor([&](const Seen& seen) { return seen.broken.contains(victim); }))
        << survivor.recorder.notices();
    times.push_back(std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start));
    EXPECT_EQ(survivor.recorder.With([&](const Seen& seen) { return seen.unreachable.at(victim); }), 1);
  }
  std::sort(times.begin(), times.end());
  return times;
}

// Some milliseconds when the machine is idle. The bound leaves room for a busy one, and is still far below an
// election timeout.
constexpr std::chrono::milliseconds kBound{150};

TEST(BrokenStream, TheDiallingSideKnowsOfAKilledPeerAtOnce) {
  const auto times = KillAndWait(NodeId{3}, 7);
  EXPECT_LT(times[times.size() / 2], kBound);
  RecordProperty("median_us", static_cast<int>(times[times.size() / 2].count()));
  std::printf("killed -> known, dialling side: median %ld us, slowest %ld us\n",
              times[times.size() / 2].count(), times.back().count());
}

TEST(BrokenStream, TheAcceptingSideKnowsOfAKilledPeerAtOnce) {
  const auto times = KillAndWait(NodeId{1}, 7);
  EXPECT_LT(times[times.size() / 2], kBound);
  RecordProperty("median_us", static_cast<int>(times[times.size() / 2].count()));
  std::printf("killed -> known, accepting side: median %ld us, slowest %ld us\n",
              times[times.size() / 2].count(), times.back().count());
}

// A peer that ends our stream but still listens is alive: no election for that.
TEST(BrokenStream, APeerThatStillListensIsNotReported) {
  TestMember a(1);
  TestMember b(2);
  testing::Connect({&a, &b});
  b.transport->SetPeers({});  // Cuts the stream.
  ASSERT_TRUE(a.recorder.WaitFor([&](const Seen& seen) { return seen.unreachable.contains(b.id()); }));
  b.transport->SetPeers({a.AsPeer()});
  ASSERT_TRUE(a.recorder.WaitFor([](const Seen& seen) { return seen.NoticesWith("connected") == 2; }));
  EXPECT_EQ(a.recorder.With([&](const Seen& seen) { return seen.broken.count(b.id()); }), 0u);
}

}  // namespace
}  // namespace cairn::raft
