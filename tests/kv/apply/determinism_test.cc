// Equal entries give equal states and answers, whatever the borders of batches, the size of the key index,
// the timing of the removal of history, and whatever a crash took away before the log was applied again.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "tests/kv/apply/member_under_test.h"
#include "tests/kv/apply/random_requests.h"
#include "tests/kv/store/temp_directory.h"

namespace cairn::kv::test {
namespace {

// Everything a client can learn from an entry: code, text, revision and bytes.
using Answers = std::map<raft::Index, std::string>;

std::string Describe(const KvResult& result) {
  return fmt::format("{} {} {} {}", static_cast<int>(result.status.code()), MessageOf(result.status),
                     result.revision, Flatten(result.body));
}

// Applies `entries` in batches of the sizes `next_size` gives.
template <typename NextSize>
void ApplyAll(MemberUnderTest& member, const std::vector<raft::Entry>& entries, NextSize&& next_size,
              Answers& answers) {
  auto begin = std::find_if(
      entries.begin(), entries.end(),
      [applied = member.applied()](const raft::Entry& entry) { return entry.id.index > applied; });
  while (begin != entries.end()) {
    std::vector<raft::ApplyItem> items;
    for (std::size_t n = next_size(); n > 0 && begin != entries.end(); --n, ++begin) {
      raft::ApplyItem item;
      item.entry = *begin;
      item.done = [&answers,
                   index = begin->id.index](absl::StatusOr<std::unique_ptr<raft::ApplyResult>> got) {
        const std::string answer = Describe(static_cast<KvResult&>(**got));
        const auto [it, fresh] = answers.emplace(index, answer);
        EXPECT_EQ(it->second, answer) << "entry " << index << " was answered differently when applied again";
      };
      items.push_back(std::move(item));
    }
    const absl::Status status = member.machine().Apply(items);
    ASSERT_TRUE(status.ok()) << status;
  }
}

std::string StateOf(MemberUnderTest& member) {
  const auto hash = member.reader().HashKv(Revision{0});
  const auto all = member.Range(All());
  return fmt::format("hash {} at {} compacted {} keys {} {}", hash->hash, hash->hashed, hash->compacted,
                     member.reader().sizes().keys, all.body.SerializeAsString());
}

class Determinism : public testing::TestWithParam<std::uint64_t> {
 protected:
  std::vector<raft::Entry> entries_ = RandomRequests(GetParam()).Entries(400);

  std::pair<Answers, std::string> OneByOne() {
    MemoryHome home;
    MemberUnderTest member(home);
    Answers answers;
    ApplyAll(member, entries_, [] { return 1; }, answers);
    return {answers, StateOf(member)};
  }
};

// R107, with the three below.
TEST_P(Determinism, BatchBordersDoNotShow) {
  const auto [answers, state] = OneByOne();
  Rng rng(GetParam());
  for (const int sizes : {7, 400, 0}) {
    MemoryHome home;
    MemberUnderTest member(home);
    Answers others;
    ApplyAll(member, entries_, [&] { return sizes != 0 ? sizes : rng.Between(1, 30); }, others);
    EXPECT_EQ(others, answers) << "batches of " << sizes;
    EXPECT_EQ(StateOf(member), state) << "batches of " << sizes;
  }
}

TEST_P(Determinism, SplittingRequestsAndWritingTheIndexBehindDoNotShow) {
  const auto [answers, state] = OneByOne();
  DatabaseOptions options = SmallOptions();
  options.batch_bytes = 1;            // Every change is a batch of its own.
  options.store.key_index_bytes = 1;  // The index is frozen after every commit.
  options.store.compaction_step = 3;
  options.store.compaction_window = 7;
  options.store.compaction_run = 2;
  MemoryHome home;
  MemberUnderTest member(home, options);
  Answers others;
  ApplyAll(member, entries_, [] { return 5; }, others);
  EXPECT_EQ(others, answers);
  EXPECT_EQ(StateOf(member), state);
}

TEST_P(Determinism, AnswersOnlyForThoseWhoWaitAndTheSameState) {
  const auto [answers, state] = OneByOne();
  MemoryHome home;
  MemberUnderTest member(home);
  std::vector<raft::ApplyItem> items(entries_.size());
  for (std::size_t i = 0; i < items.size(); ++i) items[i].entry = entries_[i];
  ASSERT_TRUE(member.machine().Apply(items).ok());
  EXPECT_EQ(StateOf(member), state);
}

// The store may be flushed after any write and lose any later one. Splitting every change into a batch of its
// own puts such points in the middle of requests, too.
TEST_P(Determinism, AfterACrashAtAnyPointTheLogLeadsToTheSameStateAndAnswers) {
  const auto [answers, state] = OneByOne();
  Rng rng(GetParam() + 1);
  DatabaseOptions options = SmallOptions();
  options.batch_bytes = 1;
  options.store.key_index_bytes = 1;
  options.store.compaction_step = 5;
  options.store.compaction_window = 10;
  options.store.compaction_run = 3;
  MemoryHome home;
  std::uint64_t last_writes = 0;
  int crashes = 0;
  Answers others;
  for (;; ++crashes) {
    MemberUnderTest member(home, options);
    const std::uint64_t flush_write = home.current().writes() + rng.Between(1, 9);
    home.current().FlushAfterWrite(flush_write);
    const std::size_t stop =
        std::min<std::size_t>(member.applied().value() + rng.Between(1, 25), entries_.size());
    const std::vector<raft::Entry> some(entries_.begin(),
                                        entries_.begin() + static_cast<std::ptrdiff_t>(stop));
    ApplyAll(member, some, [&rng] { return rng.Between(1, 6); }, others);
    if (stop == entries_.size() && crashes > 60) {
      EXPECT_EQ(StateOf(member), state);
      break;
    }
    last_writes = home.current().writes();
  }
  EXPECT_EQ(others, answers);
  EXPECT_GT(last_writes, 0U);
}

TEST_P(Determinism, RocksDbAndMemoryGiveTheSameThroughRestarts) {
  const auto [answers, state] = OneByOne();
  const TempDirectory temporary;
  const std::string& directory = temporary.path();
  Rng rng(GetParam() + 2);
  Answers others;
  DatabaseOptions options = SmallOptions();
  options.store.key_index_bytes = 1;
  options.store.compaction_pause = std::chrono::milliseconds(0);
  for (std::size_t stop = 80;; stop += 80) {
    MemberUnderTest member(directory, options);
    const std::size_t end = std::min(stop, entries_.size());
    const std::vector<raft::Entry> some(entries_.begin(),
                                        entries_.begin() + static_cast<std::ptrdiff_t>(end));
    ApplyAll(member, some, [&rng] { return rng.Between(1, 20); }, others);
    if (end == entries_.size()) {
      EXPECT_EQ(StateOf(member), state);
      break;
    }
    if (rng.Chance(1, 2)) {
      ASSERT_TRUE(member.database().Close().ok());
    }
  }
  EXPECT_EQ(others, answers);
}

INSTANTIATE_TEST_SUITE_P(Seeds, Determinism, testing::Range<std::uint64_t>(1, 7));

}  // namespace
}  // namespace cairn::kv::test
