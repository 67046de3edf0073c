#include "raft/replica/cluster_clock.h"

#include <gtest/gtest.h>

namespace cairn::raft {
namespace {

TEST(ClusterClock, GoesOnFromTheClustersTimeAtThePaceOfTheOwnClock) {
  ClusterClock clock(300);
  clock.Committed(ClusterTime{5000});
  clock.StartLeading(ClusterTime{5000}, MonotonicTime{70});
  EXPECT_EQ(clock.Propose(MonotonicTime{70}), ClusterTime{5000});
  EXPECT_EQ(clock.Propose(MonotonicTime{170}), ClusterTime{5100});
}

TEST(ClusterClock, IsAtMostOneElectionTimeoutAheadOfWhatIsCommittedAndDoesNotMakeUpForIt) {
  ClusterClock clock(300);
  clock.StartLeading(ClusterTime{}, MonotonicTime{0});
  EXPECT_EQ(clock.Propose(MonotonicTime{10'000}), ClusterTime{300});
  clock.Committed(ClusterTime{300});
  EXPECT_EQ(clock.Propose(MonotonicTime{10'050}), ClusterTime{350});
}

TEST(ClusterClock, NeverFalls) {
  ClusterClock clock(300);
  clock.StartLeading(ClusterTime{9000}, MonotonicTime{1000});  // A heartbeat told of 9000; committed is less.
  EXPECT_EQ(clock.Propose(MonotonicTime{1010}), ClusterTime{9000});
  EXPECT_EQ(clock.Propose(MonotonicTime{500}), ClusterTime{9000});
  clock.Committed(ClusterTime{12'000});
  clock.StartLeading(ClusterTime{100}, MonotonicTime{2000});
  EXPECT_GE(clock.Propose(MonotonicTime{2000}), ClusterTime{12'000});
}

}  // namespace
}  // namespace cairn::raft
