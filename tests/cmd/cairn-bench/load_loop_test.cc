#include "cmd/cairn-bench/load_loop.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "tests/kv/client/fake_cluster.h"

namespace cairn::bench {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// One client against one node that can be told to refuse everything.
class LoadLoopTest : public ::testing::Test {
 protected:
  LoadLoopTest()
      : channel_(kv::client::MakeChannel(cluster_.endpoints()[0], {.own_connection = true})),
        loop_(options_, {channel_}, 1, Workload(options_, 0, 1), phase_) {
    phase_.measuring = true;
  }

  // The loop runs until `calls` requests have reached the node.
  void RunUntil(int calls) {
    std::thread thread([this] { loop_.Run(); });
    const Clock::time_point deadline = Clock::now() + std::chrono::seconds(30);
    while (cluster_.calls(0) < calls && Clock::now() < deadline) std::this_thread::yield();
    EXPECT_GE(cluster_.calls(0), calls);
    phase_.stopping = true;
    thread.join();
  }

  kv::client::testing::FakeCluster cluster_{1};
  Options options_;
  Phase phase_;
  std::shared_ptr<grpc::Channel> channel_;
  LoadLoop loop_;
};

TEST_F(LoadLoopTest, AsksAgainAtOnceWhenAnswered) {
  RunUntil(1000);
  EXPECT_EQ(loop_.result().errors, 0);
  EXPECT_GE(loop_.result().latencies.count(), 1000);
}

// Six errors have five pauses between them: 10, 20, 40, 80 and 160 ms, each shorter by a quarter at most.
// However slow the machine is, they cannot have taken less.
TEST_F(LoadLoopTest, PausesLongerAndLongerAfterErrors) {
  cluster_.FailWith(0, {grpc::StatusCode::UNAVAILABLE, "no leader"});
  const Clock::time_point began = Clock::now();
  RunUntil(6);
  EXPECT_GE(Clock::now() - began, milliseconds(310 * 3 / 4));
  EXPECT_EQ(loop_.result().errors, cluster_.calls(0));
  EXPECT_EQ(loop_.result().error_texts.at("no leader"), loop_.result().errors);
  EXPECT_EQ(loop_.result().latencies.count(), 0);
}

TEST_F(LoadLoopTest, GoesOnAtFullSpeedWhenErrorsEnd) {
  cluster_.FailWith(0, {grpc::StatusCode::UNAVAILABLE, "no leader"});
  std::thread healer([this] {
    while (cluster_.calls(0) < 2) std::this_thread::yield();
    cluster_.FailWith(0, grpc::Status::OK);
  });
  RunUntil(500);
  healer.join();
  EXPECT_LE(loop_.result().errors, 4);
  EXPECT_GE(loop_.result().latencies.count(), 400);
}

}  // namespace
}  // namespace cairn::bench
