#include "kv/store/schema.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "kv/model/key_value.h"

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

// --- The golden file: what is on the disks of members that run an older build of the same format ---

std::string Hex(std::string_view bytes) {
  std::string out;
  for (const char byte : bytes) out += fmt::format("{:02x}", static_cast<std::uint8_t>(byte));
  return out;
}

// One line for each sort of row: its name, its key and its value.
std::string GoldenRows() {
  const VersionInfo put{.id = Id(300, 2), .create = Revision{7}, .version = 3, .lease = LeaseId{-1}};
  const VersionInfo deletion{.id = Id(301), .deletion = true};
  const std::string user_key("a\0b", 3);
  std::string record;
  AppendKeyValue(record, {.key = user_key,
                          .value = "value",
                          .create = Revision{7},
                          .mod = Revision{300},
                          .version = 3,
                          .lease = LeaseId{-1}});
  std::string tombstone;
  AppendKeyValue(tombstone, {.key = user_key, .value = {}, .mod = Revision{301}});
  const schema::State state{.applied = {.term = raft::Term{3}, .index = raft::Index{900}},
                            .time = ClusterTime{77'000},
                            .revision = Revision{301},
                            .live_keys = 4};
  Members members;
  members.config.voters = {raft::NodeId{1}};
  members.config.learners = {raft::NodeId{2}};
  members.members = {MemberInfo{.id = raft::NodeId{1},
                                .name = "one",
                                .client_urls = {"http://a:2"},
                                .peer_urls = {"http://a:1"},
                                .incarnation = raft::Incarnation{42}},
                     MemberInfo{.id = raft::NodeId{2}, .learner = true}};

  std::string out;
  const auto row = [&out](std::string_view name, std::string_view key, std::string_view value) {
    out += fmt::format("{} {} {}\n", name, Hex(key), Hex(value));
  };
  row("revisions/created", schema::RevisionKey(Id(7)),
      schema::ChangeHead(schema::ChangeKind::kPut, std::nullopt) + record);
  row("revisions/replaced", schema::RevisionKey(put.id),
      schema::ChangeHead(schema::ChangeKind::kPut, Id(9, 1)) + record);
  row("revisions/deleted", schema::RevisionKey(deletion.id),
      schema::ChangeHead(schema::ChangeKind::kDeletion, put.id) + tombstone);
  row("index/newest", schema::LatestKey(user_key), schema::EncodeVersion(deletion));
  row("index/older", schema::HistoryKey(user_key, put.id), schema::EncodeVersion(put));
  row("meta/state", schema::kStateRow, schema::EncodeState(state));
  row("meta/format", schema::kFormatRow, schema::EncodeRevision(Revision{schema::kFormat}));
  row("meta/compacted", schema::kCompactedRow, schema::EncodeRevision(Revision{300}));
  row("meta/compaction", schema::kCompactionRow,
      schema::EncodeCompaction({.done = kNeverCompacted, .target = Revision{300}, .next = Id(250, 1)}));
  row("meta/watermark", schema::kWatermarkRow, schema::EncodeRevision(Revision{299}));
  row("meta/members", schema::kMembersRow, schema::EncodeMembers(members));
  return out;
}

TEST(Schema, RowsAreThoseOfTheGoldenFile) {
  const std::string path = fmt::format("{}/tests/kv/store/golden/rows.txt", CAIRN_SOURCE_DIR);
  if (std::getenv("CAIRN_REWRITE_GOLDEN") != nullptr) {  // NOLINT(concurrency-mt-unsafe): one thread.
    std::ofstream(path) << GoldenRows();
  }
  std::stringstream golden;
  golden << std::ifstream(path).rdbuf();
  EXPECT_EQ(GoldenRows(), golden.str()) << "if the format was meant to change, raise schema::kFormat, say so "
                                           "in kv/store/README.md, and rewrite the "
                                           "golden file with CAIRN_REWRITE_GOLDEN=1";
}

// Nobody writes such a row. Were it read, every member has to make the same of it, and the same again.
TEST(Schema, MembersOfOneIdKeepTheOrderOfTheirRow) {
  Members members;
  members.config.voters = {raft::NodeId{1}};
  for (int i = 0; i < 40; ++i) {
    MemberInfo& member = members.members.emplace_back();
    member.id = raft::NodeId{static_cast<std::uint64_t>(i % 2)};
    member.name = fmt::format("{:02}", i);
  }
  const absl::StatusOr<Members> read = schema::DecodeMembers(schema::EncodeMembers(members));
  ASSERT_TRUE(read.ok()) << read.status();
  for (std::size_t i = 0; i + 1 < 40; ++i) {
    const MemberInfo& one = read->members[i];
    const MemberInfo& next = read->members[i + 1];
    EXPECT_TRUE(one.id < next.id || (one.id == next.id && one.name < next.name)) << one.name << next.name;
  }
}

}  // namespace
}  // namespace cairn::kv
