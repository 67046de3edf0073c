// The records that the checks rest on: an error in them would let lost writes pass.

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "raft/base/status.h"
#include "tests/integration/faults/cluster.h"
#include "tests/integration/faults/history.h"
#include "tests/integration/faults/key_board.h"
#include "tests/integration/faults/report.h"

namespace cairn::faults {
namespace {

TEST(History, AgreementIsNoViolation) {
  Verdict verdict;
  History history(10, verdict);
  history.Learn(12, {.key = "b", .sequence = 1}, "acknowledgement");
  history.Learn(11, {.key = "a", .sequence = 1}, "watcher 1");
  history.Learn(12, {.key = "b", .sequence = 1}, "watcher 1");
  EXPECT_EQ(verdict.count(), 0);
  EXPECT_EQ(history.last(), 12);
}

TEST(History, TwoStoriesAboutARevisionAreAViolation) {
  Verdict verdict;
  History history(10, verdict);
  history.Learn(11, {.key = "a", .sequence = 1}, "watcher 1");
  history.Learn(11, {.key = "a", .sequence = 2}, "watcher 2");
  history.Learn(11, {.key = "b", .sequence = 1}, "watcher 3");
  EXPECT_EQ(verdict.count(), 2);
  EXPECT_NE(verdict.words()[0].find("watcher 2: revision 11"), std::string::npos);
}

TEST(History, NothingHappensBeforeTheBeginning) {
  Verdict verdict;
  History history(10, verdict);
  history.Learn(10, {.key = "a", .sequence = 1}, "watcher 1");
  EXPECT_EQ(verdict.count(), 1);
}

TEST(KeyBoard, KnowsWhatMustAndWhatMayBeThere) {
  KeyBoard board;
  board.Attempt("a");
  EXPECT_EQ(board.Get("a").acknowledged, 0);
  EXPECT_EQ(board.Get("a").attempted, 1);
  board.Acknowledge("a", 11);
  EXPECT_EQ(board.Get("a").acknowledged, 1);
  board.Attempt("a");
  EXPECT_EQ(board.Get("a").acknowledged, 1);
  EXPECT_EQ(board.Get("a").attempted, 2);
  board.Withdraw("a");
  EXPECT_EQ(board.Get("a").attempted, 1);
  EXPECT_EQ(board.revision(), 11);
  EXPECT_EQ(board.acknowledgements(), 1);
}

TEST(KeyBoard, PicksFromKeysInUseLately) {
  KeyBoard board;
  Rng rng(1);
  EXPECT_FALSE(board.Pick(rng).has_value());
  for (int i = 0; i < 100; ++i) {
    board.Attempt(std::to_string(i));
    board.Acknowledge(std::to_string(i), i + 2);
  }
  for (int i = 0; i < 50; ++i) EXPECT_GE(std::stoi(*board.Pick(rng)), 84);
}

TEST(Verdict, CountsAllAndKeepsTheFirst) {
  Verdict verdict;
  for (int i = 0; i < 100; ++i) verdict.Violation(std::to_string(i));
  EXPECT_EQ(verdict.count(), 100);
  EXPECT_EQ(verdict.words().size(), 20U);
  EXPECT_EQ(verdict.words().front(), "0");
}

TEST(Failover, TimesAboveTheBoundsAreViolations) {
  const std::vector<double> times = {300, 100, 200};
  Options options;
  Verdict unchecked;
  CheckFailover(options, times, unchecked);
  EXPECT_EQ(unchecked.count(), 0);

  options.max_median_ms = 200;
  options.max_ms = 300;
  Verdict within;
  CheckFailover(options, times, within);
  EXPECT_EQ(within.count(), 0);

  options.max_median_ms = 199;
  options.max_ms = 299;
  Verdict beyond;
  CheckFailover(options, times, beyond);
  EXPECT_EQ(beyond.words(),
            (std::vector<std::string>{"a fail-over took 300 ms, --max-ms allows 299",
                                      "the median of fail-overs is 200 ms, --max-median-ms allows 199"}));
}

TEST(Cluster, NamesAPortThatSomebodyElseHas) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const plain = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(bind(listener, plain, size), 0);
  ASSERT_EQ(listen(listener, 1), 0);
  ASSERT_EQ(getsockname(listener, plain, &size), 0);
  const int port = ntohs(address.sin_port);

  Options options;
  options.server_binary = "/nowhere";
  options.nodes = 1;
  options.base_port = port;
  const Cluster cluster(options, "/nowhere");
  const absl::Status status = cluster.CheckPorts();
  close(listener);

  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_EQ(MessageOf(status).find("port " + std::to_string(port) + " cannot be had"), 0U) << status;
}

}  // namespace
}  // namespace cairn::faults
