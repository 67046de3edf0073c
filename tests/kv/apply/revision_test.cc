// The rules of revisions and of each request, on the whole path from an encoded command to an encoded answer.

#include <gtest/gtest.h>

#include <string>

#include "kv/model/errors.h"
#include "tests/kv/apply/member_under_test.h"

namespace cairn::kv::test {
namespace {

class Requests : public testing::Test {
 protected:
  MemoryHome home_;
  MemberUnderTest member_{home_};

  static etcdserverpb::PutRequest PutOf(std::string key, std::string value) {
    etcdserverpb::PutRequest put;
    put.set_key(std::move(key));
    put.set_value(std::move(value));
    return put;
  }
};

TEST_F(Requests, AFreshStoreIsAtRevisionOneAndTheFirstPutMakesTwo) {
  EXPECT_EQ(member_.Get("a").revision, Revision{1});
  EXPECT_EQ(member_.Put("a", "1").revision, Revision{2});
  EXPECT_EQ(member_.reader().current_revision(), Revision{2});
}

TEST_F(Requests, APutOfTheSameValueIsANewVersion) {
  member_.Put("a", "1");
  member_.Put("a", "1");
  const auto got = member_.Get("a");
  ASSERT_EQ(got.body.kvs_size(), 1);
  EXPECT_EQ(got.body.kvs(0).version(), 2);
  EXPECT_EQ(got.body.kvs(0).create_revision(), 2);
  EXPECT_EQ(got.body.kvs(0).mod_revision(), 3);
}

TEST_F(Requests, DeleteThenPutBeginsANewLife) {
  member_.Put("a", "1");
  member_.Put("a", "2");
  member_.Delete("a");
  member_.Put("a", "3");
  const auto got = member_.Get("a");
  ASSERT_EQ(got.body.kvs_size(), 1);
  EXPECT_EQ(got.body.kvs(0).version(), 1);
  EXPECT_EQ(got.body.kvs(0).create_revision(), 5);
  EXPECT_EQ(got.body.kvs(0).value(), "3");
}

TEST_F(Requests, PrevKvIsUnsetForANewKeyAndWholeForAnOldOne) {
  etcdserverpb::PutRequest put = PutOf("a", "1");
  put.set_prev_kv(true);
  EXPECT_FALSE(member_.Put(put).body.has_prev_kv());
  put.set_value("2");
  const auto second = member_.Put(put);
  ASSERT_TRUE(second.body.has_prev_kv());
  EXPECT_EQ(second.body.prev_kv().value(), "1");
  EXPECT_EQ(second.body.prev_kv().mod_revision(), 2);
  EXPECT_FALSE(member_.Put("a", "3").body.has_prev_kv());
}

TEST_F(Requests, IgnoreValueKeepsTheValueAndRaisesVersionAndRevision) {
  member_.Put("a", "kept");
  etcdserverpb::PutRequest put = PutOf("a", "");
  put.set_ignore_value(true);
  EXPECT_EQ(member_.Put(put).revision, Revision{3});
  const auto got = member_.Get("a");
  EXPECT_EQ(got.body.kvs(0).value(), "kept");
  EXPECT_EQ(got.body.kvs(0).version(), 2);
}

TEST_F(Requests, IgnoreValueOrLeaseOnAMissingKeyIsRefusedAndChangesNothing) {
  etcdserverpb::PutRequest put = PutOf("a", "");
  put.set_ignore_value(true);
  EXPECT_EQ(member_.Put(put).status, errors::KeyNotFound());
  put.set_ignore_value(false);
  put.set_ignore_lease(true);
  EXPECT_EQ(member_.Put(put).status, errors::KeyNotFound());
  EXPECT_EQ(member_.reader().current_revision(), Revision{1});
}

TEST_F(Requests, AnUnknownLeaseIsRefusedBeforeAMissingKeyAndWritesNothing) {
  etcdserverpb::PutRequest put = PutOf("a", "");
  put.set_lease(7);
  put.set_ignore_value(true);
  EXPECT_EQ(member_.Put(put).status, errors::LeaseNotFound());
  EXPECT_EQ(member_.Get("a").body.count(), 0);
}

// R108: no input stops a member that another member would take.
TEST_F(Requests, ApplyRefusesWhatTheGateShouldHave) {
  EXPECT_EQ(member_.Put("", "x").status, errors::EmptyKey());
  EXPECT_EQ(member_.Delete("").status, errors::EmptyKey());
  etcdserverpb::PutRequest put = PutOf("a", "x");
  put.set_ignore_value(true);
  EXPECT_EQ(member_.Put(put).status, errors::ValueProvided());
  EXPECT_FALSE(member_.Apply(EncodeCommand(CommandKind::kTxn, "\x0a\xff garbage"))->status.ok());
  EXPECT_EQ(member_.reader().current_revision(), Revision{1});
}

TEST_F(Requests, DeletingNothingIsFineAndRaisesNothing) {
  member_.Put("a", "1");
  const auto deleted = member_.Delete("b");
  EXPECT_TRUE(deleted.ok());
  EXPECT_EQ(deleted.body.deleted(), 0);
  EXPECT_EQ(deleted.revision, Revision{2});
}

TEST_F(Requests, DeletingManyKeysIsOneRevisionWithPrevKvsInKeyOrder) {
  for (const char* key : {"c", "a", "b", "z"}) member_.Put(key, key);
  const auto deleted = member_.Delete("a", "d", /*prev_kv=*/true);
  EXPECT_EQ(deleted.body.deleted(), 3);
  EXPECT_EQ(deleted.revision, Revision{6});
  ASSERT_EQ(deleted.body.prev_kvs_size(), 3);
  EXPECT_EQ(deleted.body.prev_kvs(0).key(), "a");
  EXPECT_EQ(deleted.body.prev_kvs(2).value(), "c");
  EXPECT_EQ(Keys(member_.Range(All()).body), "z");
}

TEST_F(Requests, DeleteFromAKeyOnTakesZeroByteAsRangeEnd) {
  for (const char* key : {"a", "b", "c"}) member_.Put(key, key);
  EXPECT_EQ(member_.Delete("b", std::string_view("\0", 1)).body.deleted(), 2);
  EXPECT_EQ(Keys(member_.Range(All()).body), "a");
}

TEST_F(Requests, ADeletionEventHasOnlyKeyAndModRevision) {
  member_.Put("a", "1");
  member_.Delete("a");
  const auto chunk =
      member_.reader().ReadHistory({.main = Revision{3}}, nullptr, {.revisions = 10, .bytes = 1000});
  ASSERT_TRUE(chunk.ok());
  ASSERT_EQ(chunk->revisions.size(), 1U);
  const Event& event = chunk->revisions[0]->events[0];
  mvccpb::KeyValue kv;
  ASSERT_TRUE(kv.ParseFromString(std::string(event.record.bytes())));
  EXPECT_TRUE(event.deletion);
  EXPECT_EQ(event.previous, (RevisionId{.main = Revision{2}, .sub = 0}));
  EXPECT_EQ(kv.key(), "a");
  EXPECT_EQ(kv.mod_revision(), 3);
  EXPECT_EQ(kv.version() + kv.create_revision() + kv.lease(), 0);
  EXPECT_EQ(kv.value(), "");
}

TEST_F(Requests, TheEmptyEntryMovesOnlyTheAppliedIndex) {
  std::vector<raft::ApplyItem> items(1);
  items[0].entry = member_.NextEntry(raft::EntryKind::kEmpty, {});
  ASSERT_TRUE(member_.machine().Apply(items).ok());
  EXPECT_EQ(member_.applied(), raft::Index{1});
  EXPECT_EQ(member_.reader().current_revision(), Revision{1});
}

TEST_F(Requests, AnUnknownCommandStopsTheNodeWithASentenceAndKeepsWhatCameBefore) {
  std::vector<raft::ApplyItem> items(2);
  items[0].entry = member_.NextEntry(raft::EntryKind::kCommand,
                                     EncodeCommand(CommandKind::kPut, PutOf("a", "1").SerializeAsString()));
  bool answered = false;
  items[0].done = [&answered](auto) { answered = true; };
  items[1].entry = items[0].entry;
  items[1].entry.id.index = Next(items[0].entry.id.index);
  items[1].entry.payload = EncodeCommand(static_cast<CommandKind>(99), "x");
  const absl::Status status = member_.machine().Apply(items);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(MessageOf(status).find("kind 99"), std::string_view::npos) << status;
  EXPECT_TRUE(answered);
  EXPECT_EQ(member_.Get("a").body.count(), 1);
}

TEST_F(Requests, AnUnknownVersionOfACommandStopsTheNode) {
  std::string payload(EncodeCommand(CommandKind::kPut, PutOf("a", "1").SerializeAsString()).bytes());
  payload[1] = 2;
  std::vector<raft::ApplyItem> items(1);
  items[0].entry = member_.NextEntry(raft::EntryKind::kCommand, Payload::FromString(payload));
  EXPECT_EQ(member_.machine().Apply(items).code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace cairn::kv::test
