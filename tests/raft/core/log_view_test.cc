#include "raft/core/log_view.h"

#include <gtest/gtest.h>

#include <vector>

namespace cairn::raft {
namespace {

Entry MakeEntry(std::uint64_t index, std::uint64_t term, std::size_t bytes = 0) {
  Entry entry;
  entry.id = {.term = Term{term}, .index = Index{index}};
  entry.payload = Payload::FromString(std::string(bytes, 'x'));
  return entry;
}

// Terms of entries 1, 2, ...
LogView MakeLog(std::initializer_list<std::uint64_t> terms, std::uint64_t commit = 0) {
  std::vector<Entry> entries;
  for (const std::uint64_t term : terms) entries.push_back(MakeEntry(entries.size() + 1, term, 10));
  return LogView({}, {}, std::move(entries), Index{commit});
}

TEST(LogView, KnowsTermsBetweenItsBaseAndItsEnd) {
  LogView log = MakeLog({1, 1, 2}, 3);
  log.CompactTo(Index{2});
  EXPECT_EQ(log.TermAt(Index{1}), std::nullopt);
  EXPECT_EQ(log.TermAt(Index{2}), Term{1});
  EXPECT_EQ(log.TermAt(Index{3}), Term{2});
  EXPECT_EQ(log.TermAt(Index{4}), std::nullopt);
  EXPECT_TRUE(log.Matches({.term = Term{2}, .index = Index{3}}));
}

TEST(LogView, PagesHaveAtLeastOneEntryAndSkipNone) {
  const LogView log = MakeLog({1, 1, 1, 1, 1});
  EXPECT_EQ(log.From(Index{1}, 100, 25).size(), 2u);
  EXPECT_EQ(log.From(Index{3}, 100, 1).size(), 1u);
  EXPECT_EQ(log.From(Index{1}, 3, 1000).size(), 3u);
  EXPECT_EQ(log.From(Index{4}, 100, 1000).front().id.index, Index{4});
  EXPECT_TRUE(log.From(Index{6}, 100, 1000).empty());
}

TEST(LogView, FindsTheLastEntryOfATermByBisection) {
  const LogView log = MakeLog({1, 1, 4, 4, 6, 6, 6});
  EXPECT_EQ(log.LastAtOrBelow(Index{7}, Term{5}), (EntryId{.term = Term{4}, .index = Index{4}}));
  EXPECT_EQ(log.LastAtOrBelow(Index{3}, Term{9}), (EntryId{.term = Term{4}, .index = Index{3}}));
  EXPECT_EQ(log.LastAtOrBelow(Index{99}, Term{3}), (EntryId{.term = Term{1}, .index = Index{2}}));
  EXPECT_EQ(log.LastAtOrBelow(Index{7}, Term{0}), EntryId{});
}

TEST(LogView, WritesEachEntryOnceAndAgainAfterACut) {
  LogView log = MakeLog({1, 1});
  EXPECT_TRUE(log.TakeUnwritten().empty());  // Restored from the disk.
  log.Append(MakeEntry(3, 1));
  log.Append(MakeEntry(4, 1));
  EXPECT_EQ(log.TakeUnwritten().size(), 2u);
  EXPECT_TRUE(log.TakeUnwritten().empty());
  log.Truncate(Index{2});
  log.Append(MakeEntry(2, 5));
  ASSERT_EQ(log.TakeUnwritten().size(), 1u);
  EXPECT_EQ(log.last(), (EntryId{.term = Term{5}, .index = Index{2}}));
}

TEST(LogView, CompactionKeepsIndexesTermsAndTime) {
  LogView log = MakeLog({1, 1, 1, 2, 2, 2, 3}, 7);
  for (std::uint64_t to = 1; to <= 7; ++to) {
    log.CompactTo(Index{to});
    EXPECT_EQ(log.base().index, Index{to});
    EXPECT_EQ(log.last().index, Index{7});
    if (to < 7) {
      EXPECT_EQ(log.At(Index{to + 1}).id.index, Index{to + 1});
    }
  }
  log.Append(MakeEntry(8, 3));
  EXPECT_EQ(log.At(Index{8}).id.term, Term{3});
}

TEST(LogView, RestartsAfterASnapshot) {
  LogView log = MakeLog({1, 1, 1}, 1);
  log.Restart({.term = Term{4}, .index = Index{9}}, ClusterTime{70});
  EXPECT_EQ(log.last(), (EntryId{.term = Term{4}, .index = Index{9}}));
  EXPECT_EQ(log.commit(), Index{9});
  EXPECT_EQ(log.last_time(), ClusterTime{70});
  EXPECT_TRUE(log.TakeUnwritten().empty());
}

TEST(LogViewDeathTest, RefusesToTruncateCommittedEntries) {
  LogView log = MakeLog({1, 1, 1}, 2);
  EXPECT_DEATH(log.Truncate(Index{2}), "truncating committed entries: from=2 commit=2");
}

TEST(LogViewDeathTest, RefusesGapsFallingTermsAndFallingTime) {
  LogView log = MakeLog({2});
  EXPECT_DEATH(log.Append(MakeEntry(3, 2)), "index=3 last=1");
  EXPECT_DEATH(log.Append(MakeEntry(2, 1)), "term=1 last=2");
  Entry late = MakeEntry(2, 2);
  late.time = ClusterTime{50};
  log.Append(late);
  EXPECT_DEATH(log.Append(MakeEntry(3, 2)), "time=0 last=50");
}

TEST(LogViewDeathTest, CommitNeverGoesBack) {
  LogView log = MakeLog({1, 1}, 2);
  EXPECT_DEATH(log.Commit(Index{1}), "commit goes back");
}

}  // namespace
}  // namespace cairn::raft
