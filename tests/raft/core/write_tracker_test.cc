#include "raft/core/write_tracker.h"

#include <gtest/gtest.h>

#include "raft/core/config_history.h"

namespace cairn::raft {
namespace {

TEST(WriteTracker, IsDurableUpToTheLastCompletedWrite) {
  WriteTracker writes(Index{3});
  const WriteNumber first = writes.Begin(Index{5});
  const WriteNumber second = writes.Begin(Index{8});
  EXPECT_EQ(writes.durable(), Index{3});
  writes.Persisted(first);
  EXPECT_EQ(writes.durable(), Index{5});
  writes.Persisted(second);
  EXPECT_EQ(writes.durable(), Index{8});
  EXPECT_TRUE(writes.idle());
}

TEST(WriteTracker, OneAnswerVouchesForAllWritesBefore) {
  WriteTracker writes(Index{0});
  writes.Begin(Index{5});
  writes.Begin(Index{5});  // Term and vote only.
  writes.Persisted(writes.Begin(Index{9}));
  EXPECT_EQ(writes.durable(), Index{9});
}

TEST(WriteTracker, ACutVoidsWhatEarlierWritesSayAboutIt) {
  WriteTracker writes(Index{0});
  const WriteNumber old_write = writes.Begin(Index{5});
  writes.Void(Index{3});
  const WriteNumber new_write = writes.Begin(Index{6});
  writes.Persisted(old_write);
  EXPECT_EQ(writes.durable(), Index{2});
  writes.Persisted(new_write);
  EXPECT_EQ(writes.durable(), Index{6});
}

TEST(WriteTracker, ACutTakesBackWhatWasDurable) {
  WriteTracker writes(Index{5});
  writes.Void(Index{4});
  EXPECT_EQ(writes.durable(), Index{3});
}

TEST(WriteTracker, LateAndRepeatedAnswersDoNoHarm) {
  WriteTracker writes(Index{0});
  const WriteNumber first = writes.Begin(Index{2});
  writes.Persisted(writes.Begin(Index{4}));
  writes.Void(Index{2});
  writes.Persisted(first);
  writes.Persisted(first);
  EXPECT_EQ(writes.durable(), Index{1});
}

TEST(WriteTracker, ASnapshotOutdatesAllWrites) {
  WriteTracker writes(Index{2});
  const WriteNumber old_write = writes.Begin(Index{4});
  writes.Restart(Index{9});
  EXPECT_EQ(writes.durable(), Index{9});
  writes.Persisted(old_write);
  EXPECT_EQ(writes.durable(), Index{9});
}

MemberConfig Voters(std::initializer_list<std::uint64_t> numbers) {
  MemberConfig config;
  config.voters = {numbers.begin(), numbers.end()};
  return config;
}

TEST(ConfigHistory, TheLastInTheLogIsInForceAndACutFallsBack) {
  ConfigHistory history(Index{0}, Voters({1}));
  history.Add(Index{4}, Voters({1, 2}));
  history.Add(Index{7}, Voters({1, 2, 3}));
  EXPECT_EQ(history.in_force(), Voters({1, 2, 3}));
  EXPECT_EQ(history.At(Index{6}), Voters({1, 2}));
  EXPECT_FALSE(history.Truncate(Index{8}));
  EXPECT_TRUE(history.Truncate(Index{7}));
  EXPECT_EQ(history.in_force(), Voters({1, 2}));
  EXPECT_TRUE(history.Truncate(Index{2}));
  EXPECT_EQ(history.in_force(), Voters({1}));
}

TEST(ConfigHistory, CompactionKeepsWhatIsInForceThere) {
  ConfigHistory history(Index{0}, Voters({1}));
  history.Add(Index{4}, Voters({1, 2}));
  history.Add(Index{7}, Voters({1, 2, 3}));
  history.CompactTo(Index{5});
  EXPECT_EQ(history.At(Index{5}), Voters({1, 2}));
  EXPECT_TRUE(history.Truncate(Index{6}));
  EXPECT_EQ(history.in_force(), Voters({1, 2}));
}

}  // namespace
}  // namespace cairn::raft
