#include "cmd/cairnd/flags.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <sstream>

#include "raft/base/status.h"

namespace cairn::node {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

using Variables = std::vector<std::pair<std::string, std::string>>;

absl::StatusOr<FlagValues> Parse(const std::vector<std::string>& arguments,
                                 const Variables& environment = {}) {
  return ParseFlags(arguments, environment);
}

// Every flag that the sources of etcd define, all releases from 3.4.0 to 3.4.45, 3.5.0 to 3.5.33 and 3.6.0 to
// 3.6.14 together (etcdmain/config.go, embed/config.go; taken out of them by a script).
constexpr char kEtcdValued[] = R"(
advertise-client-urls auth-token auth-token-ttl auto-compaction-mode auto-compaction-retention
backend-batch-interval backend-batch-limit backend-bbolt-freelist-type bcrypt-cost
bootstrap-defrag-threshold-megabytes cert-file cipher-suites client-cert-allowed-hostname client-cert-file
client-crl-file client-key-file compact-hash-check-time compaction-batch-limit compaction-sleep-interval
config-file corrupt-check-time cors data-dir discovery discovery-cacert discovery-cert
discovery-dial-timeout discovery-endpoints discovery-fallback discovery-keepalive-time
discovery-keepalive-timeout discovery-key discovery-password discovery-proxy discovery-request-timeout
discovery-srv discovery-srv-name discovery-token discovery-user distributed-tracing-address
distributed-tracing-instance-id distributed-tracing-sampling-rate distributed-tracing-service-name
downgrade-check-time election-timeout experimental-backend-bbolt-freelist-type
experimental-bootstrap-defrag-threshold-megabytes experimental-compact-hash-check-time
experimental-compaction-batch-limit experimental-compaction-sleep-interval experimental-corrupt-check-time
experimental-distributed-tracing-address experimental-distributed-tracing-instance-id
experimental-distributed-tracing-sampling-rate experimental-distributed-tracing-service-name
experimental-downgrade-check-time experimental-enable-v2v3 experimental-snapshot-catchup-entries
experimental-warning-apply-duration experimental-warning-unary-request-duration
experimental-watch-progress-notify-interval feature-gates grpc-keepalive-interval grpc-keepalive-min-time
grpc-keepalive-timeout heartbeat-interval host-whitelist initial-advertise-peer-urls initial-cluster
initial-cluster-state initial-cluster-token key-file listen-client-http-urls listen-client-urls
listen-metrics-urls listen-peer-urls log-format log-level log-output log-outputs log-package-levels
log-rotation-config-json logger max-concurrent-streams max-learners max-request-bytes max-snapshots
max-txn-ops max-wals metrics name peer-cert-allowed-cn peer-cert-allowed-hostname peer-cert-file
peer-client-cert-file peer-client-key-file peer-crl-file peer-key-file peer-trusted-ca-file proxy
proxy-dial-timeout proxy-failure-wait proxy-read-timeout proxy-refresh-interval proxy-write-timeout
quota-backend-bytes raft-read-timeout raft-write-timeout self-signed-cert-validity snapshot-catchup-entries
snapshot-count tls-max-version tls-min-version trusted-ca-file v2-deprecation wal-dir warning-apply-duration
warning-unary-request-duration watch-progress-notify-interval)";
constexpr char kEtcdSwitches[] = R"(
auto-tls client-cert-auth debug discovery-insecure-skip-tls-verify discovery-insecure-transport
enable-distributed-tracing enable-grpc-gateway enable-log-rotation enable-pprof enable-v2
experimental-compact-hash-check-enabled experimental-enable-distributed-tracing
experimental-enable-lease-checkpoint experimental-enable-lease-checkpoint-persist
experimental-initial-corrupt-check experimental-memory-mlock experimental-peer-skip-client-san-verification
experimental-stop-grpc-service-on-defrag experimental-txn-mode-write-with-shared-buffer force-new-cluster
initial-election-tick-advance memory-mlock next-cluster-version-compatible peer-auto-tls
peer-client-cert-auth peer-skip-client-san-verification pre-vote socket-reuse-address socket-reuse-port
strict-reconfig-check unsafe-no-fsync version)";
// Those that etcd itself accepts and ignores.
constexpr char kEtcdRetired[] = R"(
cluster-active-size cluster-remove-delay cluster-sync-interval config force max-result-buffer
max-retry-attempts peer-heartbeat-interval peer-election-timeout retry-interval snapshot v vv
test.coverprofile test.outputdir)";

std::vector<std::string> Words(const char* list) {
  std::istringstream stream(list);
  return {std::istream_iterator<std::string>(stream), std::istream_iterator<std::string>()};
}

// Null if there is none.
const FlagSpec* InTable(std::string_view name) {
  const auto table = FlagTable();
  const auto found =
      std::find_if(table.begin(), table.end(), [&](const FlagSpec& flag) { return flag.name == name; });
  return found == table.end() ? nullptr : &*found;
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

TEST(Flags, AnEmptyVariableCountsAsAbsent) {
  const auto flags =
      Parse({"--name", "line"}, {{"ETCD_SNAPSHOT_COUNT", ""}, {"ETCD_NAME", ""}, {"ETCD_UNKNOWN", ""}});

  ASSERT_TRUE(flags.ok()) << flags.status();
  EXPECT_FALSE(flags->Has("snapshot-count"));
  EXPECT_THAT(flags->notices(), ElementsAre());
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

TEST(Flags, AQuotaIsTakenAndNamedOnceAsNotEnforced) {
  const auto flags = Parse({"--quota-backend-bytes=5", "--quota-backend-bytes=6"});

  ASSERT_TRUE(flags.ok()) << flags.status();
  EXPECT_EQ(flags->Number("quota-backend-bytes", 1), 6);
  EXPECT_THAT(flags->notices(), ElementsAre("--quota-backend-bytes is reported to clients and not enforced"));
  EXPECT_THAT(Refusal({"--quota-backend-bytes=5x"}), HasSubstr("not a whole number"));
}

TEST(Flags, AnOlderNameMeansWhatTheNewOneMeans) {
  const auto flags = Parse({"--log-output", "stdout"});
  ASSERT_TRUE(flags.ok());
  EXPECT_EQ(flags->Text("log-outputs", ""), "stdout");
  EXPECT_FALSE(flags->Has("log-output"));
  EXPECT_THAT(flags->notices(), ElementsAre());
  EXPECT_EQ(Parse({}, {{"ETCD_LOG_OUTPUT", "stdout"}})->Text("log-outputs", ""), "stdout");
  EXPECT_THAT(Refusal({"--experimental-watch-progress-notify-interval=often"}),
              HasSubstr("--experimental-watch-progress-notify-interval is 'often', which is not a duration"));
}

TEST(Flags, AnOlderNameYieldsToTheNewOneOfTheSameSourceAndTheEnvironmentToBoth) {
  for (const std::vector<std::string>& order :
       {std::vector<std::string>{"--log-output=old", "--log-outputs=new"},
        {"--log-outputs=new", "--log-output=old"}}) {
    const auto flags = Parse(order);
    EXPECT_EQ(flags->Text("log-outputs", ""), "new");
    EXPECT_THAT(flags->notices(), ElementsAre("--log-output yields to --log-outputs"));
  }
  EXPECT_EQ(Parse({"--log-output=line"}, {{"ETCD_LOG_OUTPUTS", "variable"}})->Text("log-outputs", ""),
            "line");
  EXPECT_EQ(Parse({"--log-outputs=line"}, {{"ETCD_LOG_OUTPUT", "variable"}})->Text("log-outputs", ""),
            "line");
}

TEST(Flags, RetiredNamesAreNotSuggested) {
  EXPECT_NE(NearestFlag("vvv"), "vv");
  EXPECT_THAT(Refusal({"--forcing"}), Not(HasSubstr("--force?")));
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

TEST(FlagTable, KnowsEveryFlagOfEtcdByItsForm) {
  for (const std::string& name : Words(kEtcdValued)) {
    ASSERT_NE(InTable(name), nullptr) << name;
    EXPECT_FALSE(InTable(name)->stands_alone()) << name;
  }
  for (const std::string& name : Words(kEtcdSwitches)) {
    ASSERT_NE(InTable(name), nullptr) << name;
    EXPECT_TRUE(InTable(name)->is_switch()) << name;
  }
}

TEST(FlagTable, TakesWhatEtcdIgnoresWithAndWithoutAValue) {
  for (const std::string& name : Words(kEtcdRetired)) {
    for (const std::string& form : {fmt::format("--{}", name), fmt::format("-{}=anything", name)}) {
      const auto flags = Parse({form, "--name", "n1"});
      ASSERT_TRUE(flags.ok()) << flags.status();
      EXPECT_EQ(flags->Text("name", ""), "n1");
      EXPECT_THAT(flags->notices(),
                  ElementsAre(fmt::format("--{} is accepted for etcd's sake and has no effect", name)));
    }
  }
}

TEST(FlagTable, AnOlderNameStandsForAFlagWithAValue) {
  int older = 0;
  for (const FlagSpec& flag : FlagTable()) {
    if (flag.kind != FlagKind::kOlderName) continue;
    ++older;
    ASSERT_NE(InTable(flag.help), nullptr) << flag.name;
    EXPECT_NE(InTable(flag.help)->kind, FlagKind::kOlderName) << flag.name;
    EXPECT_FALSE(InTable(flag.help)->stands_alone()) << flag.name;
  }
  EXPECT_EQ(older, 2);
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
