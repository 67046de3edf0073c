#include "cmd/cairnctl/requests.h"

#include <gtest/gtest.h>

#include "cmd/cairnctl/exit_code.h"
#include "cmd/cairnctl/watch_arguments.h"

namespace cairn::ctl {
namespace {

using Words = std::vector<std::string>;
const std::string kZero(1, '\0');

TEST(Requests, PrefixAndFromKeyMakeRanges) {
  GetFlags prefix;
  prefix.prefix = true;
  EXPECT_EQ(prefix.Request({"ab"})->range_end(), "ac");
  EXPECT_EQ(prefix.Request({""})->key(), kZero);
  EXPECT_EQ(prefix.Request({""})->range_end(), kZero);
  DelFlags from;
  from.from_key = true;
  EXPECT_EQ(from.Request({"k"})->range_end(), kZero);
  EXPECT_EQ(from.Request({""})->key(), kZero);
}

TEST(Requests, GetTranslatesItsFlags) {
  GetFlags flags;
  flags.order = "descend";
  flags.sort_by = "MODIFY";
  flags.limit = 3;
  flags.revision = 7;
  flags.consistency = "s";
  const auto request = flags.Request({"a", "b"});
  ASSERT_TRUE(request.ok());
  EXPECT_EQ(request->sort_order(), pb::RangeRequest::DESCEND);
  EXPECT_EQ(request->sort_target(), pb::RangeRequest::MOD);
  EXPECT_EQ(request->limit(), 3);
  EXPECT_EQ(request->revision(), 7);
  EXPECT_TRUE(request->serializable());
}

TEST(Requests, GetBoundsTheRevisionsOfKeys) {
  GetFlags flags;
  FlagSet set;
  flags.AddTo(set);
  ASSERT_TRUE(
      set.Parse({"--min-create-rev=2", "--max-create-rev=5", "--min-mod-rev=3", "--max-mod-rev=9"}).ok());
  const auto request = flags.Request({"a"});
  ASSERT_TRUE(request.ok());
  EXPECT_EQ(request->min_create_revision(), 2);
  EXPECT_EQ(request->max_create_revision(), 5);
  EXPECT_EQ(request->min_mod_revision(), 3);
  EXPECT_EQ(request->max_mod_revision(), 9);

  // Zero and less are no bound, as etcdctl has it.
  flags.max_mod_revision = -1;
  flags.min_create_revision = -7;
  const auto open = flags.Request({"a"});
  ASSERT_TRUE(open.ok());
  EXPECT_EQ(open->max_mod_revision(), 0);
  EXPECT_EQ(open->min_create_revision(), 0);
}

TEST(Requests, GetRefusesBoundsThatNoKeyCanMeet) {
  GetFlags flags;
  flags.min_mod_revision = 6;
  flags.max_mod_revision = 5;
  EXPECT_EQ(ExitCodeOf(flags.Request({"a"}).status()), kBadFeature);
  flags.min_mod_revision = 5;
  EXPECT_TRUE(flags.Request({"a"}).ok());
  flags.min_create_revision = 2;
  flags.max_create_revision = 1;
  EXPECT_EQ(ExitCodeOf(flags.Request({"a"}).status()), kBadFeature);
}

TEST(Requests, MemberListAsksForAMajorityUnlessToldOtherwise) {
  MemberListFlags flags;
  EXPECT_TRUE(flags.Request()->linearizable());
  flags.consistency = "s";
  EXPECT_FALSE(flags.Request()->linearizable());
  flags.consistency = "x";
  EXPECT_EQ(ExitCodeOf(flags.Request().status()), kBadFeature);
}

TEST(Requests, ExitCodesTellArgumentsFromFeatures) {
  GetFlags flags;
  EXPECT_EQ(ExitCodeOf(flags.Request({}).status()), kBadArguments);
  flags.order = "sideways";
  EXPECT_EQ(ExitCodeOf(flags.Request({"a"}).status()), kBadFeature);
}

TEST(Requests, PutReadsInputOnlyWhenNothingElseGivesTheValue) {
  PutFlags flags;
  EXPECT_TRUE(flags.WantsInput({"k"}));
  EXPECT_FALSE(flags.WantsInput({"k", "v"}));
  EXPECT_FALSE(flags.WantsInput({}));
  flags.ignore_value = true;
  EXPECT_FALSE(flags.WantsInput({"k"}));
  EXPECT_FALSE(flags.Request({"k", "v"}).ok());
  flags = {};
  flags.lease = "1f";
  EXPECT_EQ(flags.Request({"k", "v"})->lease(), 31);
  flags.lease = "zz";
  EXPECT_FALSE(flags.Request({"k", "v"}).ok());
}

FlagSet::Parsed Arguments(const Words& keys, const Words& command = {}) {
  FlagSet::Parsed parsed;
  parsed.arguments = keys;
  parsed.before_dashes = keys.size();
  parsed.dashes = !command.empty();
  parsed.arguments.insert(parsed.arguments.end(), command.begin(), command.end());
  return parsed;
}

TEST(WatchPlan, KeysComeBeforeTheDashesAndTheCommandAfter) {
  const auto plan = MakeWatchPlan({}, Arguments({"a", "b"}, {"echo", "x"}), {});
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->options.key, "a");
  EXPECT_EQ(plan->options.range_end, "b");
  EXPECT_EQ(plan->command, (Words{"echo", "x"}));
}

TEST(WatchPlan, TheEnvironmentCanNameTheKey) {
  const auto plan = MakeWatchPlan({}, Arguments({}, {"echo"}), {.key = "a", .range_end = "b"});
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->options.range_end, "b");
  EXPECT_FALSE(MakeWatchPlan({}, Arguments({"x"}), {.key = "a", .range_end = ""}).ok());
}

TEST(WatchPlan, RefusesTooFewTooManyAndContradictions) {
  EXPECT_FALSE(MakeWatchPlan({}, Arguments({}), {}).ok());
  EXPECT_FALSE(MakeWatchPlan({}, Arguments({"a", "b", "c"}), {}).ok());
  WatchFlags prefix;
  prefix.prefix = true;
  EXPECT_FALSE(MakeWatchPlan(prefix, Arguments({"a", "b"}), {}).ok());
  FlagSet::Parsed dashes_only = Arguments({"a"});
  dashes_only.dashes = true;
  EXPECT_FALSE(MakeWatchPlan({}, dashes_only, {}).ok());
}

}  // namespace
}  // namespace cairn::ctl
