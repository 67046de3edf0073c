#include "raft/core/member_config.h"

#include <gtest/gtest.h>

#include <vector>

#include "raft/base/rng.h"

namespace cairn::raft {
namespace {

using Kind = MembershipStep::Kind;

std::vector<NodeId> Ids(std::initializer_list<std::uint64_t> numbers) {
  return {numbers.begin(), numbers.end()};
}

MemberConfig Voters(std::initializer_list<std::uint64_t> numbers) {
  MemberConfig config;
  config.voters = Ids(numbers);
  return config;
}

MembershipChange Change(std::initializer_list<MembershipStep> steps) {
  return {.steps = steps, .context = {}};
}

TEST(MemberConfig, OneStepOnVotersIsSimpleAndTwoAreJoint) {
  const auto simple = ApplyChange(Voters({1, 2, 3}), Change({{Kind::kAddVoter, NodeId{4}}}));
  ASSERT_TRUE(simple.ok());
  EXPECT_EQ(*simple, Voters({1, 2, 3, 4}));

  const auto joint =
      ApplyChange(Voters({1, 2, 3}), Change({{Kind::kAddVoter, NodeId{4}}, {Kind::kRemove, NodeId{1}}}));
  ASSERT_TRUE(joint.ok());
  EXPECT_EQ(joint->voters, Ids({2, 3, 4}));
  EXPECT_EQ(joint->outgoing, Ids({1, 2, 3}));
  EXPECT_EQ(LeaveJoint(*joint), Voters({2, 3, 4}));
}

TEST(MemberConfig, LearnersNeedNoJointConfiguration) {
  const auto config = ApplyChange(
      Voters({1}),
      Change({{Kind::kAddLearner, NodeId{2}}, {Kind::kAddLearner, NodeId{3}}, {Kind::kAddVoter, NodeId{4}}}));
  ASSERT_TRUE(config.ok());
  EXPECT_FALSE(config->joint());
  EXPECT_EQ(config->learners, Ids({2, 3}));
}

TEST(MemberConfig, ADemotedVoterBecomesALearnerWhenTheJointConfigurationIsLeft) {
  const auto joint =
      ApplyChange(Voters({1, 2, 3}), Change({{Kind::kAddLearner, NodeId{3}}, {Kind::kAddVoter, NodeId{4}}}));
  ASSERT_TRUE(joint.ok());
  EXPECT_EQ(joint->learners_next, Ids({3}));
  EXPECT_TRUE(joint->IsVoter(NodeId{3}));
  EXPECT_FALSE(joint->IsIncomingVoter(NodeId{3}));
  const MemberConfig left = LeaveJoint(*joint);
  EXPECT_TRUE(left.IsLearner(NodeId{3}));
  EXPECT_FALSE(left.IsVoter(NodeId{3}));
}

TEST(MemberConfig, RefusesWhatChangesNothingOrBreaksTheCluster) {
  MemberConfig config = Voters({1, 2});
  config.learners = Ids({3});
  const auto code = [&](const MembershipChange& change) {
    return ApplyChange(config, change).status().code();
  };
  EXPECT_EQ(code(Change({})), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(Change({{Kind::kAddVoter, NodeId{1}}})), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(Change({{Kind::kAddLearner, NodeId{3}}})), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(Change({{Kind::kRemove, NodeId{9}}})), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(Change({{Kind::kAddVoter, NodeId{0}}})), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(Change({{Kind::kRemove, NodeId{1}}, {Kind::kRemove, NodeId{1}}})),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(Change({{Kind::kRemove, NodeId{1}}, {Kind::kRemove, NodeId{2}}})),
            absl::StatusCode::kInvalidArgument);
  const auto joint = ApplyChange(config, Change({{Kind::kAddVoter, NodeId{3}}, {Kind::kRemove, NodeId{1}}}));
  EXPECT_EQ(ApplyChange(*joint, Change({{Kind::kAddVoter, NodeId{4}}})).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

// R86: what joint steps reach equals what single ones reach, and the stored form brings it back.
TEST(MemberConfig, JointChangesReachWhatSingleOnesReach) {
  Rng rng(7);
  int joint_changes = 0;
  for (int run = 0; run < 500; ++run) {
    MemberConfig jointly = Voters({1, 2, 3});
    MemberConfig singly = jointly;
    for (int round = 0; round < 10; ++round) {
      MembershipChange change;
      for (std::uint64_t i = 0; i <= rng.Below(3); ++i) {
        change.steps.push_back({.kind = static_cast<Kind>(rng.Below(3)), .id = NodeId{1 + rng.Below(7)}});
      }
      const auto next = ApplyChange(jointly, change);
      if (!next.ok()) continue;
      // Additions first, so that the last voter is not removed half-way.
      MemberConfig step_by_step = singly;
      for (const bool removing : {false, true}) {
        for (const MembershipStep& step : change.steps) {
          if ((step.kind != Kind::kAddVoter) != removing) continue;
          const auto after = ApplyChange(step_by_step, {.steps = {step}, .context = {}});
          ASSERT_TRUE(after.ok());
          step_by_step = *after;
        }
      }
      const auto decoded = DecodeMembership(EncodeMembership({.config = *next, .context = "c"}));
      ASSERT_TRUE(decoded.ok());
      EXPECT_EQ(decoded->config, *next);
      joint_changes += next->joint() ? 1 : 0;
      jointly = next->joint() ? LeaveJoint(*next) : *next;
      singly = step_by_step;
      ASSERT_EQ(jointly, singly);
    }
  }
  EXPECT_GT(joint_changes, 100);
}

TEST(MembershipCodec, BringsConfigurationAndContextBack) {
  Membership membership;
  membership.config = {
      .voters = Ids({2, 3, 4}), .outgoing = Ids({1, 2, 3}), .learners = Ids({7}), .learners_next = Ids({1})};
  membership.context = std::string("urls\0with a zero", 16);
  const auto decoded = DecodeMembership(EncodeMembership(membership));
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(*decoded, membership);
}

TEST(MembershipCodec, RefusesEveryShorterAndEveryDamagedForm) {
  Membership membership;
  membership.config = {.voters = Ids({1, 2, 3}), .outgoing = {}, .learners = Ids({5}), .learners_next = {}};
  const std::string bytes = EncodeMembership(membership);
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(DecodeMembership(std::string_view(bytes).substr(0, length)).ok()) << length;
  }
  // A changed bit may give another valid configuration, but never a crash nor an invalid one.
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    const auto decoded = DecodeMembership(damaged);
    if (decoded.ok()) {
      EXPECT_TRUE(decoded->config.IsValid());
    }
  }
}

TEST(MembershipCodec, RefusesListsThatContradictEachOther) {
  // A learner that is a voter: encoded by hand, since EncodeMembership() would not.
  MemberConfig config = Voters({1});
  config.learners = Ids({2});
  std::string bytes = EncodeMembership({.config = config, .context = {}});
  bytes[1 + 4 + 8 + 4 + 4] = 1;
  EXPECT_FALSE(DecodeMembership(bytes).ok());
}

}  // namespace
}  // namespace cairn::raft
