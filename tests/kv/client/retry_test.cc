#include "kv/client/retry.h"

#include <gtest/gtest.h>

namespace cairn::kv::client {
namespace {

Attempt Said(grpc::StatusCode code, const std::string& message) {
  return {.status = {code, message}, .sent = true};
}
const Attempt kNotSent{.status = {grpc::StatusCode::UNAVAILABLE, "cannot connect"}, .sent = false};

TEST(Judge, AReadMayBeAskedElsewhereWhenTheNodeIsUnavailableOrSilent) {
  EXPECT_EQ(Judge(CallKind::kRead, Said(grpc::StatusCode::UNAVAILABLE, "Socket closed")),
            Verdict::kTryElsewhere);
  EXPECT_EQ(Judge(CallKind::kRead, Said(grpc::StatusCode::DEADLINE_EXCEEDED, "Deadline Exceeded")),
            Verdict::kTryElsewhere);
  EXPECT_EQ(Judge(CallKind::kRead, kNotSent), Verdict::kTryElsewhere);
}

TEST(Judge, AWriteThatMayHaveBeenAppliedIsNeverSentAgain) {
  EXPECT_EQ(Judge(CallKind::kWrite, Said(grpc::StatusCode::UNAVAILABLE, "Socket closed")), Verdict::kGiveUp);
  EXPECT_EQ(Judge(CallKind::kWrite, Said(grpc::StatusCode::UNAVAILABLE, "etcdserver: request timed out")),
            Verdict::kGiveUp);
  EXPECT_EQ(Judge(CallKind::kWrite, Said(grpc::StatusCode::UNAVAILABLE, "etcdserver: leader changed")),
            Verdict::kGiveUp);
  EXPECT_EQ(Judge(CallKind::kWrite, Said(grpc::StatusCode::DEADLINE_EXCEEDED, "")), Verdict::kGiveUp);
}

TEST(Judge, AWriteThatCertainlyWasNotProposedIsTriedElsewhere) {
  EXPECT_EQ(Judge(CallKind::kWrite, kNotSent), Verdict::kTryElsewhere);
  EXPECT_EQ(Judge(CallKind::kWrite, Said(grpc::StatusCode::UNAVAILABLE, "etcdserver: no leader")),
            Verdict::kTryElsewhere);
  EXPECT_EQ(Judge(CallKind::kWrite, Said(grpc::StatusCode::UNKNOWN, "etcdserver: too many requests")),
            Verdict::kTryElsewhere);
  EXPECT_EQ(Judge(CallKind::kWrite, Said(grpc::StatusCode::UNAVAILABLE,
                                         "failed to connect to all addresses; last error: refused")),
            Verdict::kTryElsewhere);
}

TEST(Judge, RefusalsAreFinal) {
  for (const grpc::StatusCode code :
       {grpc::StatusCode::INVALID_ARGUMENT, grpc::StatusCode::OUT_OF_RANGE, grpc::StatusCode::NOT_FOUND,
        grpc::StatusCode::FAILED_PRECONDITION, grpc::StatusCode::RESOURCE_EXHAUSTED,
        grpc::StatusCode::UNIMPLEMENTED}) {
    EXPECT_EQ(Judge(CallKind::kRead, Said(code, "etcdserver: x")), Verdict::kGiveUp) << code;
    EXPECT_EQ(Judge(CallKind::kWrite, Said(code, "etcdserver: x")), Verdict::kGiveUp) << code;
    EXPECT_EQ(OutcomeOf(Said(code, "etcdserver: x")), Outcome::kNotApplied) << code;
  }
}

TEST(Outcome, IsUnknownForWhateverMayStillHappen) {
  EXPECT_EQ(OutcomeOf(Said(grpc::StatusCode::UNAVAILABLE, "Socket closed")), Outcome::kUnknown);
  EXPECT_EQ(OutcomeOf(Said(grpc::StatusCode::DEADLINE_EXCEEDED, "")), Outcome::kUnknown);
  EXPECT_EQ(OutcomeOf(Said(grpc::StatusCode::CANCELLED, "")), Outcome::kUnknown);
  EXPECT_EQ(OutcomeOf(Said(grpc::StatusCode::UNKNOWN, "who knows")), Outcome::kUnknown);
  EXPECT_EQ(OutcomeOf(kNotSent), Outcome::kNotApplied);
  EXPECT_EQ(OutcomeOf(Said(grpc::StatusCode::UNAVAILABLE, "etcdserver: no leader")), Outcome::kNotApplied);
}

TEST(Backoff, GrowsToItsLimitAndVariesByAQuarter) {
  Backoff backoff({.first = std::chrono::milliseconds(100), .last = std::chrono::milliseconds(300)}, 7);
  for (const int base : {100, 200, 300, 300}) {
    const auto pause = backoff.Next().count();
    EXPECT_GE(pause, base * 3 / 4);
    EXPECT_LE(pause, base * 5 / 4);
  }
  backoff.Reset();
  EXPECT_LE(backoff.Next().count(), 125);
}

}  // namespace
}  // namespace cairn::kv::client
