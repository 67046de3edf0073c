#include "kv/store/schema.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace cairn::kv {
namespace {

RevisionId Id(std::int64_t main, std::int64_t sub = 0) { return {.main = Revision{main}, .sub = sub}; }

TEST(Schema, RevisionKeysSortByTime) {
  const std::vector<RevisionId> ids = {Id(0),   Id(1),   Id(1, 1),        Id(1, 256),
                                       Id(255), Id(256), Id(1LL << 40, 3)};
  for (std::size_t i = 0; i < ids.size(); ++i) {
    EXPECT_EQ(*schema::DecodeRevisionKey(schema::RevisionKey(ids[i])), ids[i]);
    if (i > 0) {
      EXPECT_LT(schema::RevisionKey(ids[i - 1]), schema::RevisionKey(ids[i]));
    }
  }
  EXPECT_FALSE(schema::DecodeRevisionKey("short").ok());
}

TEST(Schema, IndexRowsSortByKeyThenNewestFirst) {
  const std::vector<std::string> keys = {std::string(1, '\0'),
                                         std::string("\0\0", 2),
                                         std::string("\0\x01", 2),
                                         std::string("\0\xff", 2),
                                         "\x01",
                                         "a",
                                         std::string("a\0", 2),
                                         std::string("a\0\x01", 3),
                                         "a\x01",
                                         "ab",
                                         "\xff"};
  std::string scratch;
  std::string before;
  for (const std::string& key : keys) {
    EXPECT_LT(before, schema::IndexLower(key));
    before.clear();
    for (const std::string& row : {schema::LatestKey(key), schema::HistoryKey(key, Id(9, 2)),
                                   schema::HistoryKey(key, Id(9, 1)), schema::HistoryKey(key, Id(3))}) {
      EXPECT_GE(row, schema::IndexLower(key));
      EXPECT_LT(before, row);
      EXPECT_LT(row, schema::IndexAfter(key));
      EXPECT_EQ(*schema::UserKeyOf(row, scratch), key);
      before = row;
    }
  }
}

TEST(Schema, RowsSurviveARoundTripAndRefuseDamage) {
  const schema::State state{.applied = {.term = raft::Term{3}, .index = raft::Index{9}},
                            .time = ClusterTime{77},
                            .revision = Revision{5},
                            .live_keys = 4};
  EXPECT_EQ(*schema::DecodeState(schema::EncodeState(state)), state);
  EXPECT_FALSE(schema::DecodeState("\xff").ok());
  const schema::Compaction compaction{.done = kNeverCompacted, .target = Revision{7}, .next = Id(3, 1)};
  EXPECT_EQ(*schema::DecodeCompaction(schema::EncodeCompaction(compaction)), compaction);
  EXPECT_FALSE(schema::DecodeCompaction("x").ok());
  const VersionInfo info{
      .id = Id(8, 1), .create = Revision{2}, .version = 6, .lease = LeaseId{-4}, .deletion = true};
  EXPECT_EQ(*schema::DecodeVersion(schema::EncodeVersion(info)), info);
  const std::string change = schema::ChangeHead(schema::ChangeKind::kDeletion, Id(4, 2)) + "record";
  const auto decoded = schema::DecodeChange(change);
  EXPECT_TRUE(decoded->deletion);
  EXPECT_EQ(decoded->previous, Id(4, 2));
  EXPECT_EQ(decoded->record, "record");
  EXPECT_FALSE(schema::DecodeChange("").ok());
  EXPECT_FALSE(schema::DecodeChange("\x04").ok());
  EXPECT_FALSE(schema::DecodeChange("\x03short").ok());
}

}  // namespace
}  // namespace cairn::kv
