#include "raft/core/quorum.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "raft/base/rng.h"

namespace cairn::raft {
namespace {

std::vector<NodeId> Ids(std::initializer_list<std::uint64_t> numbers) {
  return {numbers.begin(), numbers.end()};
}

std::uint64_t Reached(const MemberConfig& config, const std::map<std::uint64_t, std::uint64_t>& matches) {
  return QuorumReached(config, [&](NodeId id) {
    const auto at = matches.find(id.value());
    return at == matches.end() ? 0 : at->second;
  });
}

TEST(Quorum, IsTheMajorityOfOddAndEvenSets) {
  EXPECT_EQ(Reached({.voters = Ids({1}), .outgoing = {}, .learners = {}, .learners_next = {}}, {{1, 7}}), 7u);
  const MemberConfig two{.voters = Ids({1, 2}), .outgoing = {}, .learners = {}, .learners_next = {}};
  EXPECT_EQ(Reached(two, {{1, 7}, {2, 3}}), 3u);
  const MemberConfig three{.voters = Ids({1, 2, 3}), .outgoing = {}, .learners = {}, .learners_next = {}};
  EXPECT_EQ(Reached(three, {{1, 7}, {2, 3}, {3, 5}}), 5u);
  const MemberConfig four{.voters = Ids({1, 2, 3, 4}), .outgoing = {}, .learners = {}, .learners_next = {}};
  EXPECT_EQ(Reached(four, {{1, 7}, {2, 3}, {3, 5}, {4, 9}}), 5u);
}

TEST(Quorum, OfNobodyIsNeverReached) {
  EXPECT_EQ(Reached({}, {{1, 7}}), 0u);
  EXPECT_EQ(CountVotes({}, {{NodeId{1}, true}}), VoteOutcome::kLost);
}

TEST(Quorum, LearnersDoNotCount) {
  const MemberConfig config{.voters = Ids({1, 2}), .outgoing = {}, .learners = Ids({3}), .learners_next = {}};
  EXPECT_EQ(Reached(config, {{1, 7}, {3, 9}}), 0u);
  EXPECT_EQ(CountVotes(config, {{NodeId{1}, true}, {NodeId{3}, true}}), VoteOutcome::kPending);
}

TEST(Quorum, JointNeedsBothHalves) {
  const MemberConfig joint{
      .voters = Ids({1, 4, 5}), .outgoing = Ids({1, 2, 3}), .learners = {}, .learners_next = {}};
  EXPECT_EQ(Reached(joint, {{1, 9}, {4, 9}, {5, 9}, {2, 4}}), 4u);
  EXPECT_EQ(Reached(joint, {{1, 9}, {2, 9}, {3, 9}}), 0u);
  EXPECT_EQ(CountVotes(joint, {{NodeId{1}, true}, {NodeId{4}, true}}), VoteOutcome::kPending);
  EXPECT_EQ(CountVotes(joint, {{NodeId{1}, true}, {NodeId{4}, true}, {NodeId{2}, true}}), VoteOutcome::kWon);
  EXPECT_EQ(CountVotes(joint, {{NodeId{1}, true}, {NodeId{2}, false}, {NodeId{3}, false}}),
            VoteOutcome::kLost);
}

TEST(Quorum, VotesAreLostAsSoonAsNoMajorityIsLeft) {
  const MemberConfig config{.voters = Ids({1, 2, 3, 4}), .outgoing = {}, .learners = {}, .learners_next = {}};
  EXPECT_EQ(CountVotes(config, {{NodeId{1}, true}, {NodeId{2}, false}}), VoteOutcome::kPending);
  EXPECT_EQ(CountVotes(config, {{NodeId{1}, true}, {NodeId{2}, false}, {NodeId{3}, false}}),
            VoteOutcome::kLost);
}

TEST(Quorum, AgreesWithCountingForAllSmallSets) {
  Rng rng(1);
  for (int round = 0; round < 2000; ++round) {
    MemberConfig config;
    std::map<std::uint64_t, std::uint64_t> matches;
    for (std::uint64_t id = 1; id <= 7; ++id) {
      if (rng.Chance(1, 2)) config.voters.emplace_back(id);
      matches[id] = rng.Below(5);
    }
    if (config.voters.empty()) continue;
    std::uint64_t expected = 0;
    for (std::uint64_t candidate = 0; candidate < 5; ++candidate) {
      const auto count = std::count_if(config.voters.begin(), config.voters.end(),
                                       [&](NodeId id) { return matches[id.value()] >= candidate; });
      if (static_cast<std::size_t>(count) > config.voters.size() / 2) expected = candidate;
    }
    EXPECT_EQ(Reached(config, matches), expected);
  }
}

}  // namespace
}  // namespace cairn::raft
