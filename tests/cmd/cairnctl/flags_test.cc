#include "cmd/cairnctl/flags.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>

#include "cmd/cairnctl/command.h"
#include "cmd/cairnctl/exit_code.h"
#include "cmd/cairnctl/global_options.h"
#include "raft/base/status.h"

namespace cairn::ctl {
namespace {

using std::chrono::milliseconds;
using Words = std::vector<std::string>;

struct Flags {
  bool prefix = false;
  std::int64_t limit = 0;
  std::string format = "simple";
  milliseconds timeout{5000};
  FlagSet set;
  Flags() {
    set.Add("prefix", &prefix, "")
        .Add("limit", &limit, "")
        .Add("write-out", &format, "", {}, 'w')
        .Add("timeout", &timeout, "");
  }
  std::string ErrorOf(const Words& words) { return std::string(MessageOf(set.Parse(words).status())); }
};

TEST(FlagSet, MixesFlagsAndArguments) {
  Flags flags;
  const auto parsed = flags.set.Parse({"a", "--prefix", "b", "--limit", "3", "--write-out=json"});
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed->arguments, (Words{"a", "b"}));
  EXPECT_TRUE(flags.prefix);
  EXPECT_EQ(flags.limit, 3);
  EXPECT_EQ(flags.format, "json");
  EXPECT_TRUE(flags.set.IsSet("limit"));
  EXPECT_FALSE(flags.set.IsSet("timeout"));
}

TEST(FlagSet, ValuesThatLookLikeSomethingElseStayWhole) {
  Flags flags;
  const auto parsed = flags.set.Parse({"[1,2]", "{}", "%%", "", "a,b", "-"});
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed->arguments, (Words{"[1,2]", "{}", "%%", "", "a,b", "-"}));
}

TEST(FlagSet, TwoDashesEndTheFlags) {
  Flags flags;
  const auto parsed = flags.set.Parse({"a", "--", "--prefix", "-w"});
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed->arguments, (Words{"a", "--prefix", "-w"}));
  EXPECT_TRUE(parsed->dashes);
  EXPECT_EQ(parsed->before_dashes, 1U);
  EXPECT_FALSE(flags.prefix);
}

TEST(FlagSet, ShortFormsTakeTheirValueInThreeWays) {
  for (const Words& words : {Words{"-w", "json"}, Words{"-wjson"}, Words{"-w=json"}}) {
    Flags flags;
    ASSERT_TRUE(flags.set.Parse(words).ok());
    EXPECT_EQ(flags.format, "json");
  }
}

TEST(FlagSet, SwitchesCanBeSwitchedOff) {
  Flags flags;
  flags.prefix = true;
  ASSERT_TRUE(flags.set.Parse({"--prefix=false", "x"}).ok());
  EXPECT_FALSE(flags.prefix);
}

TEST(FlagSet, SaysWhatIsWrong) {
  Flags flags;
  EXPECT_EQ(flags.ErrorOf({"--bogus=1"}), "unknown flag: --bogus");
  EXPECT_EQ(flags.ErrorOf({"-x"}), "unknown shorthand flag: 'x' in -x");
  EXPECT_EQ(flags.ErrorOf({"--limit"}), "flag needs an argument: --limit");
  EXPECT_EQ(flags.ErrorOf({"--limit", "x"}),
            "invalid argument \"x\" for \"--limit\": expected a whole number");
  EXPECT_EQ(flags.ErrorOf({"--prefix=maybe"}),
            "invalid argument \"maybe\" for \"--prefix\": expected true or false");
}

TEST(Duration, ReadsWhatGoReads) {
  EXPECT_EQ(*ParseDuration("5s"), milliseconds(5000));
  EXPECT_EQ(*ParseDuration("1m30s"), milliseconds(90'000));
  EXPECT_EQ(*ParseDuration("1.5s"), milliseconds(1500));
  EXPECT_EQ(*ParseDuration("250ms"), milliseconds(250));
  for (const char* bad : {"", "5", "s", "5x", "-1s"}) EXPECT_FALSE(ParseDuration(bad).ok()) << bad;
  EXPECT_EQ(DurationText(milliseconds(90'500)), "1m30.5s");
  EXPECT_EQ(DurationText(milliseconds(20)), "20ms");
}

TEST(GlobalOptions, OurVariablesComeBeforeEtcdctls) {
  GlobalOptions options;
  FlagSet set;
  options.AddTo(set);
  const absl::Status status =
      SetFromEnvironment(set, [](const std::string& name) -> std::optional<std::string> {
        if (name == "CAIRNCTL_ENDPOINTS") return "a:1";
        if (name == "ETCDCTL_ENDPOINTS") return "b:2";
        if (name == "ETCDCTL_WRITE_OUT") return "json";
        return std::nullopt;
      });
  ASSERT_TRUE(status.ok());
  EXPECT_EQ(options.endpoints, "a:1");
  EXPECT_EQ(options.format, "json");
}

TEST(GlobalOptions, AnEmptyVariableCountsAsAbsent) {
  GlobalOptions options;
  FlagSet set;
  options.AddTo(set);
  const absl::Status status =
      SetFromEnvironment(set, [](const std::string& name) -> std::optional<std::string> {
        if (name == "CAIRNCTL_ENDPOINTS" || name == "ETCDCTL_DIAL_TIMEOUT") return "";
        if (name == "ETCDCTL_ENDPOINTS") return "b:2";
        return std::nullopt;
      });
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(options.endpoints, "b:2");
  EXPECT_EQ(options.dial_timeout, milliseconds(2000));
}

TEST(GlobalOptions, WhatCannotBeHonouredIsRefused) {
  GlobalOptions options;
  EXPECT_TRUE(Check(options).ok());
  options.cert = "file";
  EXPECT_FALSE(Check(options).ok());
  options = {};
  options.user = "root";
  EXPECT_FALSE(Check(options).ok());
}

TEST(GlobalOptions, EndpointsFromDnsAreRefusedWithWhatToDo) {
  GlobalOptions options;
  FlagSet set;
  options.AddTo(set);
  ASSERT_TRUE(
      set.Parse({"--insecure-discovery=false", "--discovery-srv-name", "n", "--discovery-srv="}).ok());
  EXPECT_TRUE(Check(options).ok());
  ASSERT_TRUE(set.Parse({"-d", "example.com"}).ok());
  EXPECT_EQ(ExitCodeOf(Check(options)), kBadFeature);
  EXPECT_NE(MessageOf(Check(options)).find("name the nodes with --endpoints"), std::string_view::npos);
}

TEST(GlobalOptions, AreAllThatEtcdctlHas) {
  GlobalOptions options;
  FlagSet set;
  options.AddTo(set);
  std::set<std::string> names;
  for (const FlagSet::Flag& flag : set.flags()) names.insert(flag.name);
  // Of etcdctl 3.4 to 3.6 (etcdctl/ctlv3/ctl.go).
  EXPECT_EQ(names, (std::set<std::string>{"cacert",
                                          "cert",
                                          "command-timeout",
                                          "debug",
                                          "dial-timeout",
                                          "discovery-srv",
                                          "discovery-srv-name",
                                          "endpoints",
                                          "hex",
                                          "insecure-discovery",
                                          "insecure-skip-tls-verify",
                                          "insecure-transport",
                                          "keepalive-time",
                                          "keepalive-timeout",
                                          "key",
                                          "max-recv-bytes",
                                          "max-request-bytes",
                                          "password",
                                          "user",
                                          "write-out"}));
}

struct CommandFlags {
  const char* path;
  std::set<std::string> names;
};

TEST(Commands, TakeTheFlagsOfEtcdctl) {
  // Of etcdctl 3.4 to 3.6 (etcdctl/ctlv3/command/).
  const std::vector<CommandFlags> of_etcdctl = {
      {.path = "get",
       .names = {"consistency", "count-only", "from-key", "keys-only", "limit", "max-create-rev",
                 "max-mod-rev", "min-create-rev", "min-mod-rev", "order", "prefix", "print-value-only", "rev",
                 "sort-by"}},
      {.path = "put", .names = {"ignore-lease", "ignore-value", "lease", "prev-kv"}},
      {.path = "del", .names = {"from-key", "prefix", "prev-kv", "range"}},
      {.path = "txn", .names = {"interactive"}},
      {.path = "watch", .names = {"interactive", "prefix", "prev-kv", "progress-notify", "rev"}},
      {.path = "compaction", .names = {"physical"}},
      {.path = "member list", .names = {"consistency"}},
      {.path = "endpoint status", .names = {"cluster"}},
      {.path = "endpoint health", .names = {"cluster"}},
      {.path = "endpoint hashkv", .names = {"cluster", "rev"}},
      {.path = "move-leader", .names = {}},
      {.path = "version", .names = {}},
  };
  const std::vector<std::unique_ptr<Command>> commands = AllCommands();
  for (const CommandFlags& expected : of_etcdctl) {
    const auto command = std::find_if(commands.begin(), commands.end(),
                                      [&](const auto& each) { return each->usage().path == expected.path; });
    ASSERT_NE(command, commands.end()) << expected.path;
    FlagSet set;
    (*command)->AddFlags(set);
    std::set<std::string> names;
    for (const FlagSet::Flag& flag : set.flags()) names.insert(flag.name);
    EXPECT_EQ(names, expected.names) << expected.path;
  }
}

}  // namespace
}  // namespace cairn::ctl
