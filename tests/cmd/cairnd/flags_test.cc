#include "cmd/cairnd/flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "raft/base/status.h"

namespace cairn::node {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Variables = std::vector<std::pair<std::string, std::string>>;

absl::StatusOr<FlagValues> Parse(const std::vector<std::string>& arguments,
                                 const Variables& environment = {}) {
  return ParseFlags(arguments, environment);
}

std::string Refusal(const std::vector<std::string>& arguments, const Variables& environment = {}) {
  const auto flags = Parse(arguments, environment);
  EXPECT_FALSE(flags.ok());
  EXPECT_TRUE(absl::IsInvalidArgument(flags.status()));
  return std::string(MessageOf(flags.status()));
}

TEST(Flags, TakeAllFormsOfEtcd) {
  for (const std::vector<std::string>& form :
       {std::vector<std::string>{"--name", "n1"}, {"--name=n1"}, {"-name", "n1"}, {"-name=n1"}}) {
    const auto flags = Parse(form);
    ASSERT_TRUE(flags.ok()) << form[0];
    EXPECT_EQ(flags->Text("name", "default"), "n1");
  }
}

TEST(Flags, TheLastOneWins) { EXPECT_EQ(Parse({"--name", "a", "--name", "b"})->Text("name", ""), "b"); }

TEST(Flags, AValueMayLookLikeAFlagOrHaveAnEqualsSign) {
  EXPECT_EQ(Parse({"--name", "--odd"})->Text("name", ""), "--odd");
  EXPECT_EQ(Parse({"--initial-cluster=a=http://h:1"})->Text("initial-cluster", ""), "a=http://h:1");
}

TEST(Flags, SwitchesNeedNoValueAndTakeOneOnlyWithAnEqualsSign) {
  EXPECT_TRUE(Parse({"--version"})->Switch("version"));
  EXPECT_FALSE(Parse({"--version=false"})->Switch("version"));
  EXPECT_THAT(Refusal({"--version", "false"}), HasSubstr("'false' is not a flag"));
  EXPECT_THAT(Refusal({"--version=perhaps"}), HasSubstr("not true or false"));
}

TEST(Flags, EnvironmentGivesWhatTheCommandLineDoesNot) {
  const auto flags = Parse({"--name", "line"}, {{"ETCD_NAME", "environment"}, {"ETCD_DATA_DIR", "/d"}});

  EXPECT_EQ(flags->Text("name", ""), "line");
  EXPECT_EQ(flags->Text("data-dir", ""), "/d");
  EXPECT_THAT(flags->notices(), ElementsAre("the environment variable ETCD_NAME yields to --name"));
}

TEST(Flags, VariablesOfOthersAreLeftAlone) {
  const auto flags = Parse({}, {{"HOME", "/"}, {"ETCDCTL_API", "3"}, {"ETCD_UNKNOWN", "1"}});

  ASSERT_TRUE(flags.ok());
  EXPECT_THAT(flags->notices(), ElementsAre("the environment variable ETCD_UNKNOWN belongs to no flag"));
}

TEST(Flags, UnknownOnesAreRefusedWithTheNearestName) {
  EXPECT_THAT(Refusal({"--data-dri", "x"}), HasSubstr("did you mean --data-dir?"));
  EXPECT_THAT(Refusal({"--initial-clutser=x"}), HasSubstr("did you mean --initial-cluster?"));
  EXPECT_THAT(Refusal({"--snapshotcount=1"}), HasSubstr("did you mean --snapshot-count?"));
}

TEST(Flags, StrayWordsAndMissingValuesAreRefused) {
  EXPECT_THAT(Refusal({"serve"}), HasSubstr("'serve' is not a flag"));
  EXPECT_THAT(Refusal({"-"}), HasSubstr("is not a flag"));
  EXPECT_THAT(Refusal({"--name"}), HasSubstr("--name needs a value"));
}

TEST(Flags, ThoseThatMeanNothingHereAreNamedOnce) {
  const auto flags = Parse({"--enable-v2", "--unsafe-no-fsync", "--max-wals", "7", "--enable-v2"});

  ASSERT_TRUE(flags.ok());
  EXPECT_THAT(flags->notices(), ElementsAre("--enable-v2 is accepted for etcd's sake and has no effect",
                                            "--unsafe-no-fsync is accepted for etcd's sake and has no effect",
                                            "--max-wals is accepted for etcd's sake and has no effect"));
}

TEST(Flags, ThoseWhoseSilenceWouldExposeSomethingAreRefusedUnlessTheyAreOff) {
  EXPECT_THAT(Refusal({"--cert-file", "server.pem"}), HasSubstr("--cert-file is refused"));
  EXPECT_THAT(Refusal({"--client-cert-auth"}), HasSubstr("does not encrypt"));
  EXPECT_THAT(Refusal({}, {{"ETCD_PEER_AUTO_TLS", "true"}}), HasSubstr("ETCD_PEER_AUTO_TLS is refused"));
  EXPECT_TRUE(Parse({"--client-cert-auth=false", "--cert-file="}).ok());
}

TEST(Flags, NumbersAndDurationsAreChecked) {
  EXPECT_EQ(Parse({"--snapshot-count=5"})->Number("snapshot-count", 1), 5);
  EXPECT_EQ(Parse({"--quota-backend-bytes=-1"})->Number("quota-backend-bytes", 1), -1);
  EXPECT_EQ(Parse({})->Number("snapshot-count", 1), 1);
  for (const char* text : {"5x", "", "1.5", "99999999999999999999"}) {
    EXPECT_THAT(Refusal({std::string("--snapshot-count=") + text}), HasSubstr("not a whole number"));
  }
  const auto milliseconds = [](const std::string& text) {
    return Parse({"--watch-progress-notify-interval=" + text})
        ->Milliseconds("watch-progress-notify-interval", -1);
  };
  EXPECT_EQ(milliseconds("10m"), 600000);
  EXPECT_EQ(milliseconds("1m30s"), 90000);
  EXPECT_EQ(milliseconds("1.5s"), 1500);
  EXPECT_EQ(milliseconds("250ms"), 250);
  EXPECT_EQ(milliseconds("0"), 0);
  for (const char* text : {"5", "-1s", "m", "1y", "", "inf", "nans", "1e99h"}) {
    EXPECT_THAT(Refusal({std::string("--watch-progress-notify-interval=") + text}),
                HasSubstr("not a duration"));
  }
}

TEST(FlagTable, NamesAndVariablesAreUnique) {
  std::set<std::string> names;
  for (const FlagSpec& flag : FlagTable()) {
    EXPECT_TRUE(names.insert(EnvironmentName(flag.name)).second) << flag.name;
  }
  EXPECT_EQ(EnvironmentName("data-dir"), "ETCD_DATA_DIR");
}

TEST(FlagTable, HelpNamesEveryFlagThatIsAccepted) {
  const std::string help = HelpText();
  for (const FlagSpec& flag : FlagTable()) {
    const bool refused = flag.kind == FlagKind::kRefused || flag.kind == FlagKind::kRefusedSwitch;
    EXPECT_EQ(help.find("--" + std::string(flag.name)) != std::string::npos,
              !refused || flag.name == "discovery")
        << flag.name;
  }
}

TEST(FlagTable, TakesWhatJepsenStartsEtcdWith) {
  const auto flags = Parse({"--enable-v2",
                            "--log-outputs",
                            "stderr",
                            "--logger",
                            "zap",
                            "--name",
                            "n1",
                            "--listen-peer-urls",
                            "http://10.0.0.1:2380",
                            "--listen-client-urls",
                            "http://10.0.0.1:2379",
                            "--advertise-client-urls",
                            "http://10.0.0.1:2379",
                            "--initial-cluster-state",
                            "new",
                            "--initial-advertise-peer-urls",
                            "http://10.0.0.1:2380",
                            "--initial-cluster",
                            "n1=http://10.0.0.1:2380",
                            "--snapshot-count",
                            "100",
                            "--unsafe-no-fsync",
                            "--experimental-initial-corrupt-check",
                            "--experimental-corrupt-check-time",
                            "1m"});

  ASSERT_TRUE(flags.ok()) << flags.status();
  EXPECT_EQ(flags->notices().size(), 4U);
}

}  // namespace
}  // namespace cairn::node
