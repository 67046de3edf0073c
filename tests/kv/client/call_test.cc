#include "kv/client/call.h"

#include <gtest/gtest.h>

#include <deque>

#include "raft/base/status.h"

namespace cairn::kv::client {
namespace {

using std::chrono::milliseconds;

const Attempt kOk{.status = grpc::Status::OK, .sent = true};
const Attempt kNotSent{.status = {grpc::StatusCode::UNAVAILABLE, "cannot connect"}, .sent = false};
const Attempt kBroken{.status = {grpc::StatusCode::UNAVAILABLE, "Socket closed"}, .sent = true};
const Attempt kSilent{.status = {grpc::StatusCode::DEADLINE_EXCEEDED, "Deadline Exceeded"}, .sent = true};
const Attempt kNoLeader{.status = {grpc::StatusCode::UNAVAILABLE, "etcdserver: no leader"}, .sent = true};
const Attempt kRefused{.status = {grpc::StatusCode::INVALID_ARGUMENT, "etcdserver: key is not provided"},
                       .sent = true};

// Plays a script: what the attempts come to, and how long each takes. The last line repeats.
class Script final : public CallPorts {
 public:
  Script(std::size_t endpoints, std::deque<Attempt> attempts)
      : endpoints_(endpoints), attempts_(std::move(attempts)) {}

  std::vector<std::size_t> Order() override {
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < endpoints_; ++i) order.push_back(i);
    return order;
  }
  std::string Name(std::size_t endpoint) override { return "e" + std::to_string(endpoint); }
  void Report(std::size_t endpoint, bool healthy) override {
    if (!healthy) unhealthy.push_back(endpoint);
  }
  SteadyTime Now() override { return now_; }
  void Sleep(milliseconds time) override {
    ++sleeps;
    now_ += std::max(time, milliseconds(1));
  }

  absl::Status Run(CallKind kind, const CallOptions& options = {}) {
    return RunCall(kind, options, *this, [&](std::size_t endpoint, milliseconds time) {
      asked.push_back(endpoint);
      times.push_back(time);
      const Attempt attempt = attempts_.front();
      if (attempts_.size() > 1) attempts_.pop_front();
      now_ += attempt.status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED ? time : milliseconds(1);
      return attempt;
    });
  }

  std::vector<std::size_t> asked;
  std::vector<milliseconds> times;
  std::vector<std::size_t> unhealthy;
  int sleeps = 0;

 private:
  const std::size_t endpoints_;
  std::deque<Attempt> attempts_;
  SteadyTime now_ = SteadyTime() + std::chrono::hours(1);
};

TEST(RunCall, AnswersFromTheFirstEndpointThatWorks) {
  Script script(3, {kOk});
  EXPECT_TRUE(script.Run(CallKind::kWrite).ok());
  EXPECT_EQ(script.asked, (std::vector<std::size_t>{0}));
}

TEST(RunCall, AReadGoesOnToTheNextEndpointAtOnce) {
  Script script(3, {kBroken, kNotSent, kOk});
  EXPECT_TRUE(script.Run(CallKind::kRead).ok());
  EXPECT_EQ(script.asked, (std::vector<std::size_t>{0, 1, 2}));
  EXPECT_EQ(script.sleeps, 0);
  EXPECT_EQ(script.unhealthy, (std::vector<std::size_t>{0, 1}));
}

TEST(RunCall, AWriteWhoseConnectionBrokeIsNotSentAgainAndSaysSo) {
  Script script(3, {kBroken, kOk});
  const absl::Status status = script.Run(CallKind::kWrite);
  EXPECT_EQ(script.asked.size(), 1U);
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_EQ(OutcomeOf(status), Outcome::kUnknown);
  EXPECT_EQ(EndpointOf(status), "e0");
  EXPECT_NE(AdviceOf(status).find("may or may not"), std::string::npos);
}

TEST(RunCall, AWriteGoesOnWhereNothingWasSent) {
  Script script(3, {kNotSent, kNoLeader, kOk});
  EXPECT_TRUE(script.Run(CallKind::kWrite).ok());
  EXPECT_EQ(script.asked, (std::vector<std::size_t>{0, 1, 2}));
}

TEST(RunCall, WaitsBetweenRoundsAndTriesUntilItsTimeIsUp) {
  Script script(2, {kNoLeader});
  const absl::Status status = script.Run(CallKind::kWrite, {.timeout = milliseconds(1000)});
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_EQ(OutcomeOf(status), Outcome::kNotApplied);
  EXPECT_GT(script.sleeps, 2);
  EXPECT_LT(script.asked.size(), 40U);
}

TEST(RunCall, WhenNothingCanBeReachedItGivesUpAfterTheDialTimeout) {
  Script script(1, {kNotSent});
  const SteadyTime start = script.Now();
  const absl::Status status =
      script.Run(CallKind::kRead, {.timeout = milliseconds(60'000), .dial_timeout = milliseconds(500)});
  EXPECT_EQ(MessageOf(status), "cannot connect");
  EXPECT_LT(script.Now() - start, milliseconds(700));
}

TEST(RunCall, AFrozenNodeDoesNotEatTheWholeBudgetOfARead) {
  Script script(2, {kSilent, kOk});
  EXPECT_TRUE(
      script.Run(CallKind::kRead, {.timeout = milliseconds(5000), .attempt_timeout = milliseconds(800)})
          .ok());
  EXPECT_EQ(script.times[0], milliseconds(800));
}

TEST(RunCall, TheOnlyEndpointAndAWriteGetAllTheTime) {
  Script only(1, {kOk});
  EXPECT_TRUE(only.Run(CallKind::kRead).ok());
  EXPECT_EQ(only.times[0], milliseconds(5000));
  Script write(3, {kOk});
  EXPECT_TRUE(write.Run(CallKind::kWrite).ok());
  EXPECT_EQ(write.times[0], milliseconds(5000));
}

TEST(RunCall, TheDeadlineHoldsOverAllAttempts) {
  Script script(3, {kSilent});
  const SteadyTime start = script.Now();
  const absl::Status status = script.Run(CallKind::kRead, {.timeout = milliseconds(5000)});
  EXPECT_TRUE(absl::IsDeadlineExceeded(status));
  EXPECT_EQ(MessageOf(status), "no answer within 5 s");
  EXPECT_LE(script.Now() - start, milliseconds(5010));
}

TEST(RunCall, ARefusalIsFinalAndKeepsTheServersWords) {
  Script script(3, {kRefused});
  const absl::Status status = script.Run(CallKind::kRead);
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_EQ(MessageOf(status), "etcdserver: key is not provided");
  EXPECT_EQ(script.asked.size(), 1U);
  EXPECT_TRUE(script.unhealthy.empty());
}

}  // namespace
}  // namespace cairn::kv::client
