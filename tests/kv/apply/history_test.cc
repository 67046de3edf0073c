// What a read of the history brings, on the whole path from an encoded command.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kv/model/errors.h"
#include "kv/model/range.h"
#include "tests/kv/apply/member_under_test.h"

namespace cairn::kv::test {
namespace {

class History : public testing::Test {
 protected:
  // Revision 2 puts `a`, revision 3 a hundred keys, revision 4 deletes those, revision 5 puts `z`.
  History() {
    member_.Put("a", "1");
    etcdserverpb::TxnRequest txn;
    for (int i = 0; i < 100; ++i) {
      etcdserverpb::PutRequest& put = *txn.add_success()->mutable_request_put();
      put.set_key(fmt::format("k{:03}", i));
      put.set_value(std::string(100, 'x'));
    }
    member_.Txn(txn);
    member_.Delete("k", "l");
    member_.Put("z", "1");
  }

  // "3.0-3.9": revisions and the first and last sub revision of each.
  static std::vector<std::string> Describe(const HistoryChunk& chunk) {
    std::vector<std::string> all;
    for (const auto& revision : chunk.revisions) {
      all.push_back(fmt::format("{}.{}-{}", revision->revision, revision->events.front().id.sub,
                                revision->events.back().id.sub));
    }
    return all;
  }

  HistoryChunk Read(RevisionId from, const KeyRange* range, const HistoryLimits& limits) {
    auto chunk = member_.reader().ReadHistory(from, range, limits);
    EXPECT_TRUE(chunk.ok());
    return chunk.ok() ? *std::move(chunk) : HistoryChunk{};
  }

  MemoryHome home_;
  MemberUnderTest member_{home_};
};

using Lines = std::vector<std::string>;
constexpr std::size_t kMuch = 1 << 20;

TEST_F(History, EverythingFromARevisionOn) {
  const HistoryChunk chunk = Read({.main = Revision{3}}, nullptr, {.revisions = 10, .bytes = kMuch});
  EXPECT_EQ(Describe(chunk), (Lines{"3.0-99", "4.0-99", "5.0-0"}));
  EXPECT_EQ(chunk.next, (RevisionId{.main = Revision{6}}));
}

TEST_F(History, AChunkEndsBetweenRevisionsUnlessToldOtherwise) {
  const HistoryChunk chunk = Read({.main = Revision{2}}, nullptr, {.revisions = 10, .bytes = 200});
  EXPECT_EQ(Describe(chunk), (Lines{"2.0-0", "3.0-99"}));
  EXPECT_EQ(chunk.next, (RevisionId{.main = Revision{4}}));
}

TEST_F(History, ALargeRevisionIsReadInParts) {
  RevisionId from{.main = Revision{3}};
  std::int64_t expected = 0;
  int chunks = 0;
  while (from.main == Revision{3}) {
    const HistoryChunk chunk = Read(from, nullptr, {.revisions = 1, .bytes = 1, .revision_bytes = 2000});
    ASSERT_EQ(chunk.revisions.size(), 1U);
    EXPECT_LE(chunk.revisions[0]->events.size(), 20U);
    for (const Event& event : chunk.revisions[0]->events) {
      EXPECT_EQ(event.id, (RevisionId{.main = Revision{3}, .sub = expected++}));
    }
    ASSERT_GT(chunk.next, from);
    from = chunk.next;
    ++chunks;
  }
  EXPECT_EQ(expected, 100);
  EXPECT_GE(chunks, 5);
  EXPECT_EQ(from, (RevisionId{.main = Revision{4}}));
}

TEST_F(History, WhatDoesNotMatchCountsAndIsNotBrought) {
  const KeyRange rare = KeyRange::FromRequest("z", "");
  const HistoryLimits limits{.revisions = 10, .bytes = 2000, .revision_bytes = 2000};
  RevisionId from{.main = Revision{2}};
  int reads = 0;
  while (true) {
    const HistoryChunk chunk = Read(from, &rare, limits);
    ++reads;
    if (!chunk.revisions.empty()) {
      EXPECT_EQ(Describe(chunk), (Lines{"5.0-0"}));
      break;
    }
    ASSERT_GT(chunk.next, from);
    from = chunk.next;
  }
  EXPECT_GE(reads, 5);
}

TEST_F(History, InsideACompactedRevisionNothingIsRead) {
  member_.Compact(5);
  EXPECT_EQ(member_.reader()
                .ReadHistory({.main = Revision{3}, .sub = 50}, nullptr, {.revisions = 1, .bytes = 1})
                .status(),
            errors::Compacted());
}

}  // namespace
}  // namespace cairn::kv::test
