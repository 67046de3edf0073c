#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "raft/base/probe.h"
#include "tests/sim/cluster.h"

namespace cairn::sim {
namespace {

constexpr SimClock::Micros kMillisecond = 1000;
constexpr SimClock::Micros kSecond = 1'000'000;

ClusterOptions OptionsOf(std::uint64_t nodes, std::uint64_t seed) {
  return {.nodes = nodes, .seed = seed, .node = Cluster::FastNodes(), .keys = 4};
}

// The longest election timeout, in virtual time.
SimClock::Micros LongestElectionTimeout(const ClusterOptions& options) {
  return static_cast<SimClock::Micros>(2 * options.node.replica.core.election_ticks) * 10 * kMillisecond;
}

TEST(Replica, ThreeNodesServeWritesAndReadsThroughEveryNode) {
  Cluster cluster(OptionsOf(3, 1));
  cluster.StartAll();
  cluster.StartClients(8);
  cluster.Run(3 * kSecond);
  cluster.HealAndCheck();
  EXPECT_GT(cluster.history().writes_acknowledged(), 500U);
  EXPECT_GT(cluster.history().reads(), 500U);
  EXPECT_EQ(cluster.history().failures(), 0U);
}

TEST(Replica, OneNodeServesAlone) {
  Cluster cluster(OptionsOf(1, 1));
  cluster.StartAll();
  cluster.StartClients(2);
  cluster.Run(kSecond);
  cluster.Crash(1, Loss::kPower);
  cluster.StartAll();
  cluster.Run(kSecond);
  cluster.HealAndCheck();
}

// What happens when a majority elects a new leader while the old one is still up on the minority side? The
// old one commits nothing and confirms no read, so nobody who talks to it is told anything wrong; within an
// election timeout it notices that no majority answers and steps down; and its clients get an answer and go
// on elsewhere.
TEST(Replica, MajorityElectsANewLeaderWhileTheOldOneStillRunsAndTheOldOneServesNobody) {
  const ClusterOptions options = OptionsOf(3, 7);
  Cluster cluster(options);
  cluster.StartAll();
  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.Leader().has_value(); }, 2 * kSecond));
  const std::uint64_t old_leader = *cluster.Leader();
  const std::uint64_t other = old_leader == 1 ? 2 : 1;
  const auto before = cluster.Put(old_leader, "k");
  ASSERT_TRUE(cluster.RunUntil([&] { return before->calls == 1; }, kSecond));
  ASSERT_TRUE(before->status.ok());

  cluster.Isolate(old_leader);
  const SimClock::Micros cut_at = cluster.clock().now();
  std::string lost_value;
  const auto cut_off_write = cluster.Put(old_leader, "k", &lost_value);
  const auto cut_off_read = cluster.Read(old_leader, "k");

  // It still believes in itself when the others have long begun to elect; it steps down by itself.
  cluster.Run(kMillisecond);
  EXPECT_TRUE(cluster.node(old_leader).replica().core().is_leader());
  ASSERT_TRUE(cluster.RunUntil([&] { return !cluster.node(old_leader).replica().core().is_leader(); },
                               LongestElectionTimeout(options)));
  ASSERT_TRUE(
      cluster.RunUntil([&] { return cluster.Leader().has_value(); }, 2 * LongestElectionTimeout(options)));
  const std::uint64_t new_leader = *cluster.Leader();
  EXPECT_NE(new_leader, old_leader);

  // The majority goes on. History checks that the read sees the write.
  const auto write = cluster.Put(other, "k");
  ASSERT_TRUE(cluster.RunUntil([&] { return write->calls == 1; }, kSecond));
  EXPECT_TRUE(write->status.ok()) << write->status;
  const auto read = cluster.Read(other, "k");
  ASSERT_TRUE(cluster.RunUntil([&] { return read->calls == 1; }, kSecond));
  EXPECT_TRUE(read->status.ok()) << read->status;

  // The old leader's clients are not left hanging, and are told nothing good.
  ASSERT_TRUE(cluster.RunUntil([&] { return cut_off_write->calls + cut_off_read->calls == 2; },
                               3 * LongestElectionTimeout(options)));
  EXPECT_EQ(raft::RaftErrorOf(cut_off_write->status), raft::RaftError::kUnknown);
  EXPECT_EQ(raft::RaftErrorOf(cut_off_read->status), raft::RaftError::kNoLeader);
  EXPECT_LT(cluster.clock().now() - cut_at, 5 * kSecond);
  const auto refused = cluster.Put(old_leader, "k");
  cluster.Run(10 * kMillisecond);
  EXPECT_EQ(raft::RaftErrorOf(refused->status), raft::RaftError::kNoLeader);

  // When the cut heals it follows, and what it alone had is gone.
  cluster.HealAndCheck();
  EXPECT_FALSE(cluster.history().applied(lost_value));
}

// R94: the leader's process is stopped for longer than an election, with a read in flight, and goes on.
TEST(Replica, ALeaderThatSleptThroughAnElectionAnswersNoStaleRead) {
  Cluster cluster(OptionsOf(3, 11));
  cluster.StartAll();
  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.Leader().has_value(); }, 2 * kSecond));
  const std::uint64_t sleeper = *cluster.Leader();
  const std::uint64_t other = sleeper == 1 ? 2 : 1;
  const std::uint64_t rounds = cluster.node(sleeper).metrics().read_indexes;
  const auto in_flight = cluster.Read(sleeper, "k");
  cluster.Run(100);  // The round has left; no answer can be back so soon.
  ASSERT_EQ(cluster.node(sleeper).metrics().read_indexes, rounds + 1);
  ASSERT_EQ(in_flight->calls, 0);
  cluster.node(sleeper).Pause(2 * kSecond);
  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.Leader() != sleeper; }, 2 * kSecond));
  const auto write = cluster.Put(other, "k");
  ASSERT_TRUE(cluster.RunUntil([&] { return write->calls == 1; }, kSecond));
  ASSERT_TRUE(write->status.ok()) << write->status;

  const auto new_read = cluster.Read(sleeper, "k");  // History refuses a stale answer to either.
  ASSERT_TRUE(cluster.RunUntil([&] { return in_flight->calls + new_read->calls == 2; }, 4 * kSecond));
  cluster.HealAndCheck();
}

// R94, its second half: the index is confirmed, and then nothing happens for longer than an election. The
// read began before the writes that follow, so it may miss them; one that begins after them may not.
TEST(Replica, AReadThatStallsBetweenItsIndexAndItsAnswerIsNotStale) {
  Cluster cluster(OptionsOf(3, 15));
  cluster.StartAll();
  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.Leader().has_value(); }, 2 * kSecond));
  const std::uint64_t leader = *cluster.Leader();
  const std::uint64_t slow = leader == 1 ? 2 : 1;
  const std::uint64_t third = 6 - leader - slow;
  cluster.node(slow).StallApplier(4 * kSecond);
  const auto first = cluster.Put(leader, "k");
  ASSERT_TRUE(cluster.RunUntil([&] { return first->calls == 1; }, kSecond));
  const auto early = cluster.Read(slow, "k");  // Must see the first write, which is not applied here.
  cluster.Run(100 * kMillisecond);
  ASSERT_EQ(early->calls, 0);
  cluster.node(slow).Pause(2 * kSecond);
  cluster.Crash(leader, Loss::kPower);
  cluster.Run(50 * kMillisecond);
  cluster.StartAll();
  const auto second = cluster.Put(third, "k");
  ASSERT_TRUE(cluster.RunUntil([&] { return second->calls == 1; }, 2 * kSecond));
  const auto late = cluster.Read(slow, "k");
  ASSERT_TRUE(cluster.RunUntil([&] { return early->calls + late->calls == 2; }, 6 * kSecond));
  cluster.HealAndCheck();
}

// R102: a paused machine's ticks do not come all at once, so its return disturbs nobody.
TEST(Replica, AFollowerThatWasPausedDoesNotDisturbTheLeader) {
  Cluster cluster(OptionsOf(3, 12));
  cluster.StartAll();
  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.Leader().has_value(); }, 2 * kSecond));
  cluster.Run(kSecond);
  const std::uint64_t leader = *cluster.Leader();
  const raft::Term term = cluster.node(leader).replica().core().term();
  cluster.node(leader == 1 ? 2 : 1).Pause(3 * kSecond);
  cluster.Run(6 * kSecond);
  EXPECT_EQ(cluster.Leader(), leader);
  EXPECT_EQ(cluster.node(leader).replica().core().term(), term);
  cluster.HealAndCheck();
}

// R27: the leader's disk hangs, the leader goes on beating.
TEST(Replica, ALeaderWhoseDiskHangsIsReplacedInBoundedTimeAndDisturbsNobody) {
  Cluster cluster(OptionsOf(3, 13));
  cluster.StartAll();
  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.Leader().has_value(); }, 2 * kSecond));
  cluster.Run(kSecond);
  const std::uint64_t stuck = *cluster.Leader();
  const std::uint64_t other = stuck == 1 ? 2 : 1;
  cluster.node(stuck).StallDisk(20 * kSecond);
  // Until then the others commit for it.
  const auto during = cluster.Put(stuck, "k");
  ASSERT_TRUE(cluster.RunUntil([&] { return during->calls == 1; }, kSecond));
  EXPECT_TRUE(during->status.ok()) << during->status;

  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.Leader().value_or(stuck) != stuck; }, 4 * kSecond));
  const std::uint64_t leader = *cluster.Leader();
  const raft::Term term = cluster.node(leader).replica().core().term();
  for (int i = 0; i < 10; ++i) {
    const auto write = cluster.Put(other, "k");
    ASSERT_TRUE(cluster.RunUntil([&] { return write->calls == 1; }, kSecond));
    EXPECT_TRUE(write->status.ok()) << write->status;
    cluster.Run(kSecond);
  }
  EXPECT_EQ(cluster.Leader(), leader);
  EXPECT_EQ(cluster.node(leader).replica().core().term(), term);
  cluster.HealAndCheck();
}

TEST(Replica, OneNodeWhoseDiskHangsResignsAndComesBackWithIt) {
  Cluster cluster(OptionsOf(1, 14));
  cluster.StartAll();
  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.Leader().has_value(); }, 2 * kSecond));
  cluster.node(1).StallDisk(10 * kSecond);
  const auto write = cluster.Put(1, "k");
  ASSERT_TRUE(cluster.RunUntil([&] { return !cluster.Leader().has_value(); }, 5 * kSecond));
  ASSERT_TRUE(cluster.RunUntil([&] { return write->calls == 1; }, 5 * kSecond));
  EXPECT_FALSE(write->status.ok());
  EXPECT_TRUE(cluster.RunUntil([&] { return cluster.Leader().has_value(); }, 10 * kSecond));
  cluster.HealAndCheck();
}

// R56: all nodes lose power at one moment under load, many times.
TEST(Replica, PowerLossOnAllNodesAtOnceLosesNoAcknowledgedWrite) {
  Cluster cluster(OptionsOf(3, 3));
  cluster.StartAll();
  cluster.StartClients(8);
  for (int round = 0; round < 25; ++round) {
    cluster.Run(cluster.rng().Between(300 * kMillisecond, 1500 * kMillisecond));
    for (std::uint64_t id = 1; id <= cluster.size(); ++id) cluster.Crash(id, Loss::kPower);
    cluster.Run(cluster.rng().Between(1, 200 * kMillisecond));
    cluster.StartAll();
  }
  cluster.HealAndCheck();
  EXPECT_GT(cluster.history().writes_acknowledged(), 200U);
}

TEST(Replica, AFollowerThatWasAwayTooLongComesBackBySnapshotWhileOthersWrite) {
  Cluster cluster(OptionsOf(3, 5));
  cluster.StartAll();
  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.Leader().has_value(); }, 2 * kSecond));
  const std::uint64_t away = *cluster.Leader() == 1 ? 2 : 1;
  cluster.Crash(away, Loss::kPower);
  cluster.StartClients(8);
  cluster.Run(8 * kSecond);
  const raft::Index kept = cluster.node(*cluster.Leader()).replica().core().status().first_kept.index;
  ASSERT_GT(kept, raft::Index{100});

  cluster.StartAll();
  ASSERT_TRUE(cluster.RunUntil(
      [&] { return cluster.node(away).replica().core().status().first_kept.index >= kept; }, 3 * kSecond));
  cluster.HealAndCheck();
}

// A planned hand-over fails nobody's request.
TEST(Replica, LeadershipHandedOverUnderLoadCostsNoRequest) {
  Cluster cluster(OptionsOf(3, 6));
  cluster.StartAll();
  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.Leader().has_value(); }, 2 * kSecond));
  cluster.StartClients(8);
  int moved = 0;
  for (int round = 0; round < 20; ++round) {
    const auto leader = cluster.Leader();
    ASSERT_TRUE(leader.has_value());
    cluster.node(*leader).Post([&](raft::Replica& replica) {
      replica.TransferLeadership(std::nullopt,
                                 [&](const absl::Status& status) { moved += status.ok() ? 1 : 0; });
    });
    cluster.Run(300 * kMillisecond);
    EXPECT_NE(cluster.Leader(), leader);
  }
  EXPECT_EQ(moved, 20);
  EXPECT_EQ(cluster.history().failures(), 0U);
  cluster.HealAndCheck();
}

// ---- Membership ----

raft::MembershipStep Add(std::uint64_t id) {
  return {.kind = raft::MembershipStep::Kind::kAddVoter, .id = raft::NodeId{id}};
}
raft::MembershipStep Remove(std::uint64_t id) {
  return {.kind = raft::MembershipStep::Kind::kRemove, .id = raft::NodeId{id}};
}

// Asks until it is so: a leader may be lost on the way, with the change or only with the answer.
[[nodiscard]] bool ChangeTo(Cluster& cluster, const raft::MembershipStep& step) {
  const bool wanted = step.kind != raft::MembershipStep::Kind::kRemove;
  for (int attempt = 0; attempt < 20; ++attempt) {
    const auto answer = cluster.Change({step});
    static_cast<void>(cluster.RunUntil([&] { return answer->calls > 0; }, 2 * kSecond));
    const std::vector<std::uint64_t> members = cluster.Members();
    const bool there = std::ranges::find(members, step.id.value()) != members.end();
    if (!members.empty() && there == wanted) return true;
    cluster.Run(200 * kMillisecond);
  }
  return false;
}

[[nodiscard]] bool LeadBy(Cluster& cluster, std::uint64_t id) {
  for (int attempt = 0; attempt < 20; ++attempt) {
    const auto leader = cluster.Leader();
    if (leader == id) return true;
    if (leader) {
      cluster.node(*leader).Post([id](raft::Replica& replica) {
        replica.TransferLeadership(raft::NodeId{id}, [](const absl::Status&) {});
      });
    }
    cluster.Run(500 * kMillisecond);
  }
  return false;
}

// Two of three members are replaced, one at a time, under load; whoever is a member may crash meanwhile.
// Member 1 leads at each change: a newcomer admits only the founders (the next test says why that is so
// today).
TEST(Replica, MembersAreReplacedUnderLoadWithCrashes) {
  for (std::uint64_t seed = 21; seed < 41; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::fprintf(stderr, "membership under load, seed=%d\n", static_cast<int>(seed));
    ClusterOptions options = OptionsOf(3, seed);
    options.spares = 2;
    Cluster cluster(options);
    cluster.StartAll();
    cluster.StartClients(4);
    for (std::uint64_t round = 1; round <= 2; ++round) {
      ASSERT_TRUE(LeadBy(cluster, 1));
      ASSERT_TRUE(ChangeTo(cluster, Add(3 + round)));
      const std::vector<std::uint64_t> members = cluster.Members();
      ASSERT_FALSE(members.empty());
      cluster.Run(cluster.rng().Between(1, 50 * kMillisecond));
      const std::uint64_t victim = members[cluster.rng().Below(members.size())];
      cluster.Crash(victim, cluster.rng().Chance(1, 2) ? Loss::kPower : Loss::kProcess);
      cluster.Run(cluster.rng().Between(1, 800 * kMillisecond));
      cluster.StartAll();
      ASSERT_TRUE(LeadBy(cluster, 1));
      cluster.Run(500 * kMillisecond);  // Whoever was away has heard it.
      ASSERT_TRUE(ChangeTo(cluster, Remove(1 + round)));
      cluster.Run(500 * kMillisecond);
    }
    cluster.HealAndCheck();
    EXPECT_EQ(cluster.Members(), (std::vector<std::uint64_t>{1, 4, 5}));
    EXPECT_GT(cluster.history().writes_acknowledged(), 10U);  // Many ask those that are not members.
  }
}

// Known and open: see tests/BUGS.md. Member 3 was away when 4 joined, and admits only whom it knows; 4 leads.
TEST(Replica, DISABLED_AMemberThatWasAwayWhenTheLeaderJoinedHearsIt) {
  ClusterOptions options = OptionsOf(3, 31);
  options.spares = 1;
  Cluster cluster(options);
  cluster.StartAll();
  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.Leader().value_or(3) != 3; }, 5 * kSecond));
  cluster.Crash(3, Loss::kPower);
  ASSERT_TRUE(ChangeTo(cluster, Add(4)));
  cluster.Run(kSecond);
  cluster.node(*cluster.Leader()).Post([](raft::Replica& replica) {
    replica.TransferLeadership(raft::NodeId{4}, [](const absl::Status&) {});
  });
  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.Leader() == 4; }, 2 * kSecond));
  cluster.StartAll();
  EXPECT_TRUE(cluster.RunUntil([&] { return cluster.node(3).replica().core().leader() == raft::NodeId{4}; },
                               10 * kSecond));
}

// ---- Everything at once ----

std::uint64_t EnvironmentOr(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): one thread.
  return text == nullptr ? otherwise : std::stoull(text);
}

void TormentWithSeed(std::uint64_t nodes, std::uint64_t seed) {
  SCOPED_TRACE("CAIRN_SEED=" + std::to_string(seed));
  // An assertion aborts the process, so the way to repeat is said before.
  std::fprintf(stderr, "nodes=%d: repeat with CAIRN_SEED=%d CAIRN_SEEDS=1\n", static_cast<int>(nodes),
               static_cast<int>(seed));
  Cluster cluster(OptionsOf(nodes, seed));
  cluster.StartAll();
  cluster.StartClients(6);
  cluster.Torment(20 * kSecond);
  cluster.HealAndCheck();
  if (EnvironmentOr("CAIRN_VERBOSE", 0) != 0) {
    std::fprintf(stderr, "  writes=%lu reads=%lu failures=%lu\n", cluster.history().writes_acknowledged(),
                 cluster.history().reads(), cluster.history().failures());
  }
}

// R110; after each run R112.
TEST(Replica, ThreeTormentedNodesKeepTheirPromises) {
  const std::uint64_t first = EnvironmentOr("CAIRN_SEED", 1000);
  const std::uint64_t count = EnvironmentOr("CAIRN_SEEDS", 60);
  for (std::uint64_t seed = first; seed < first + count; ++seed) TormentWithSeed(3, seed);
}

TEST(Replica, FiveTormentedNodesKeepTheirPromises) {
  const std::uint64_t first = EnvironmentOr("CAIRN_SEED", 5000);
  const std::uint64_t count = EnvironmentOr("CAIRN_SEEDS", 20);
  for (std::uint64_t seed = first; seed < first + count; ++seed) TormentWithSeed(5, seed);
}

// A simulation that never meets the rare branches proves nothing about them.
TEST(Replica, TormentReachesTheRareBranches) {
  for (std::uint64_t seed = 300; seed < 500; ++seed) TormentWithSeed(3, seed);
  std::map<std::string, std::uint64_t> hits;
  for (const Probe::Count& count : Probe::All()) hits[count.name] = count.hits;
  for (const char* name :
       {"replica_forward_refused", "replica_forward_retried", "replica_read_round_asked_again",
        "replica_log_pinned_for_snapshot", "replica_snapshot_backed_off", "reconcile_state_ahead_of_log",
        "reconcile_term_behind_state", "append_cut_tail", "peer_needs_snapshot", "check_quorum_stepped_down",
        "transfer_timed_out", "broken_stream_pre_vote", "replica_disk_stalled_hands_over",
        "replica_disk_stalled_resigns", "replica_append_dropped_for_backlog"}) {
    EXPECT_GT(hits[name], 0U) << name;
  }
}

// The same seed is the same run: without that a seed repeats nothing.
TEST(Replica, OneSeedIsOneRun) {
  const auto run = [] {
    Cluster cluster(OptionsOf(3, 99));
    cluster.StartAll();
    cluster.StartClients(6);
    cluster.Torment(10 * kSecond);
    cluster.HealAndCheck();
    return std::pair(cluster.node(1).machine().state(), cluster.rng().Next());
  };
  EXPECT_EQ(run(), run());
}

}  // namespace
}  // namespace cairn::sim
