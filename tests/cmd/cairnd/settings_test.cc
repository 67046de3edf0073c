#include "cmd/cairnd/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cmd/cairnd/identity.h"
#include "raft/base/status.h"

namespace cairn::node {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::StatusOr<Settings> Make(const std::vector<std::string>& arguments) {
  const auto flags = ParseFlags(arguments, {});
  EXPECT_TRUE(flags.ok()) << flags.status();
  return MakeSettings(*flags);
}

std::string Refusal(const std::vector<std::string>& arguments) {
  const auto settings = Make(arguments);
  EXPECT_FALSE(settings.ok());
  return settings.ok() ? "" : std::string(MessageOf(settings.status()));
}

TEST(Settings, WithoutFlagsOneNodeOnItsOwn) {
  const auto settings = Make({});

  ASSERT_TRUE(settings.ok());
  EXPECT_EQ(settings->name, "default");
  EXPECT_EQ(settings->data_directory, "default.cairn");
  EXPECT_EQ(settings->log_directory, "default.cairn/log");
  EXPECT_EQ(settings->listen_client_urls[0].port, 2379);
  EXPECT_EQ(settings->listen_peer_urls[0].port, 2380);
  EXPECT_THAT(settings->initial_cluster,
              ElementsAre(ClusterEntry{.name = "default", .urls = {"http://127.0.0.1:2380"}}));
  EXPECT_FALSE(settings->expects_data);
}

TEST(Settings, DataDirectoryIsNamedAfterTheMember) {
  EXPECT_EQ(Make({"--name", "n7"})->data_directory, "n7.cairn");
  EXPECT_EQ(Make({"--data-dir", "/d"})->log_directory, "/d/log");
  EXPECT_EQ(Make({"--wal-dir", "/w"})->log_directory, "/w");
}

TEST(Settings, WhatIsListenedOnIsAdvertisedUnlessNobodyCouldUseIt) {
  EXPECT_THAT(Make({"--listen-client-urls", "http://10.0.0.1:1,http://10.0.0.2:2"})->advertise_client_urls,
              ElementsAre("http://10.0.0.1:1", "http://10.0.0.2:2"));
  EXPECT_THAT(Refusal({"--listen-client-urls", "http://0.0.0.0:2379"}),
              HasSubstr("--advertise-client-urls is needed"));
  EXPECT_THAT(Refusal({"--listen-peer-urls", "http://[::]:2380"}),
              HasSubstr("--initial-advertise-peer-urls is needed"));
  EXPECT_THAT(Refusal({"--advertise-client-urls", "http://0.0.0.0:2379"}), HasSubstr("name this host"));
  EXPECT_TRUE(
      Make({"--listen-client-urls", "http://0.0.0.0:2379", "--advertise-client-urls", "http://h:2379"}).ok());
}

TEST(Settings, OwnEntryOfTheClusterMustBeThereAndAgree) {
  EXPECT_THAT(Refusal({"--name", "a", "--initial-cluster", "b=http://h:1"}),
              HasSubstr("has no entry for this member, 'a'"));
  EXPECT_THAT(Refusal({"--name", "a", "--initial-cluster", "a=http://h:1"}), HasSubstr("make them equal"));
  EXPECT_TRUE(Make({"--name", "a", "--initial-cluster", "a=http://h:2,a=http://h:1",
                    "--initial-advertise-peer-urls", "http://h:1,http://h:2"})
                  .ok());
}

TEST(Settings, ClusterEntriesMustBeWellFormed) {
  EXPECT_THAT(Refusal({"--initial-cluster", "default"}), HasSubstr("should look like name=http://host:port"));
  EXPECT_THAT(Refusal({"--initial-cluster", "a=http://h:1,b=http://h:1"}), HasSubstr("to both a and b"));
  EXPECT_THAT(Refusal({"--initial-cluster-state", "old"}), HasSubstr("either new or existing"));
}

TEST(Settings, UrlsMustBeUsable) {
  EXPECT_THAT(Refusal({"--listen-client-urls", "https://h:1"}), HasSubstr("only http:// is supported"));
  EXPECT_THAT(Refusal({"--listen-client-urls", "h:1"}), HasSubstr("http://host:port"));
  EXPECT_THAT(Refusal({"--listen-client-urls", "http://h"}), HasSubstr("port is missing"));
  EXPECT_THAT(Refusal({"--listen-client-urls", "http://[::1]"}), HasSubstr("port is missing"));
  EXPECT_THAT(Refusal({"--listen-client-urls", "http://::1:2379"}), HasSubstr("brackets"));
  EXPECT_THAT(Refusal({"--listen-client-urls", "http://h:70000"}), HasSubstr("not a number up to 65535"));
  EXPECT_THAT(Refusal({"--listen-client-urls", "http://h:"}), HasSubstr("not a number"));
  EXPECT_THAT(Refusal({"--listen-client-urls", "http://h:1/path"}), HasSubstr("must not have a path"));
  EXPECT_THAT(Refusal({"--listen-client-urls", "http://h:1,"}), HasSubstr("--listen-client-urls"));
  EXPECT_EQ(Make({"--listen-client-urls", "http://[::1]:5"})->listen_client_urls[0].host, "::1");
}

TEST(Settings, TimesMustFitTogether) {
  const auto settings = Make({"--heartbeat-interval", "100", "--election-timeout", "1000"});
  ASSERT_TRUE(settings.ok());
  EXPECT_EQ(settings->heartbeat_interval.count(), 100);
  EXPECT_EQ(settings->election_timeout.count(), 1000);
  EXPECT_THAT(Refusal({"--heartbeat-interval", "100"}), HasSubstr("at least five times"));
  EXPECT_THAT(Refusal({"--heartbeat-interval", "0"}), HasSubstr("steps of 10 ms"));
  EXPECT_THAT(Refusal({"--election-timeout", "999"}), HasSubstr("steps of 10 ms"));
  EXPECT_THAT(Refusal({"--election-timeout", "60000"}), HasSubstr("up to 50000"));
}

TEST(Settings, LimitsMustMakeSense) {
  EXPECT_THAT(Refusal({"--snapshot-count", "0"}), HasSubstr("above 0"));
  EXPECT_THAT(Refusal({"--max-txn-ops", "0"}), HasSubstr("above 0"));
  EXPECT_THAT(Refusal({"--max-request-bytes", "99999999999"}), HasSubstr("between"));
  EXPECT_EQ(Make({"--experimental-watch-progress-notify-interval", "2s"})->watch_progress_interval.count(),
            2000);
  EXPECT_EQ(Make({"--watch-progress-notify-interval", "1ms"})->watch_progress_interval.count(), 100);
}

TEST(Settings, LogFlagsOfEtcdAreUnderstood) {
  EXPECT_EQ(Make({"--logger", "zap"})->log.format, LogFormat::kText);
  EXPECT_EQ(Make({"--logger", "json"})->log.format, LogFormat::kJson);
  EXPECT_EQ(Make({"--log-format", "json"})->log.format, LogFormat::kJson);
  EXPECT_EQ(Make({"--log-format", "console"})->log.format, LogFormat::kText);
  EXPECT_EQ(Make({"--log-level", "warn"})->log.level, LogLevel::kWarning);
  EXPECT_THAT(Make({"--log-outputs", "default,stdout,/tmp/x"})->log.outputs,
              ElementsAre("stderr", "stdout", "/tmp/x"));
  EXPECT_THAT(Refusal({"--log-level", "loud"}), HasSubstr("one of debug"));
  EXPECT_THAT(Refusal({"--log-outputs", "stderr,"}), HasSubstr("empty entry"));
}

TEST(Identity, IdsAreThoseThatEtcdGivesTheSameCluster) {
  // What `etcd` without flags calls itself.
  const raft::NodeId member = MemberIdOf({"http://localhost:2380"}, "etcd-cluster");
  EXPECT_EQ(member.value(), 0x8e9e05c52164694dU);
  EXPECT_EQ(ClusterIdOf({member}).value(), 0xcdf818194e3a8c32U);
}

TEST(Identity, BootstrapIsTheSameOnEveryMember) {
  const std::string cluster = "n1=http://h:1,n2=http://h:2,n3=http://h:3";
  std::vector<Bootstrap> all;
  for (int i = 1; i <= 3; ++i) {
    const std::string number = std::to_string(i);
    const auto settings = Make({"--name", "n" + number, "--initial-cluster", cluster,
                                "--initial-advertise-peer-urls", "http://h:" + number});
    ASSERT_TRUE(settings.ok()) << settings.status();
    all.push_back(MakeBootstrap(*settings));
  }
  EXPECT_EQ(all[0].members, all[1].members);
  EXPECT_EQ(all[0].members, all[2].members);
  EXPECT_EQ(all[0].cluster, all[2].cluster);
  EXPECT_NE(all[0].self, all[1].self);
  EXPECT_EQ(all[0].members.config.voters.size(), 3U);
  EXPECT_TRUE(std::is_sorted(all[0].members.config.voters.begin(), all[0].members.config.voters.end()));
  EXPECT_EQ(all[0].members.members[0].name, "");
}

TEST(Identity, TokenTellsClustersWithEqualAddressesApart) {
  EXPECT_NE(MakeBootstrap(*Make({"--initial-cluster-token", "a"})).cluster,
            MakeBootstrap(*Make({"--initial-cluster-token", "b"})).cluster);
}

}  // namespace
}  // namespace cairn::node
