// Transactions: what is compared, what is refused, what is seen, what is answered.

#include <gtest/gtest.h>

#include <string>

#include "kv/model/errors.h"
#include "tests/kv/apply/member_under_test.h"

namespace cairn::kv::test {
namespace {

using etcdserverpb::Compare;
using etcdserverpb::RequestOp;
using etcdserverpb::TxnRequest;

RequestOp PutOp(std::string key, std::string value) {
  RequestOp op;
  op.mutable_request_put()->set_key(std::move(key));
  op.mutable_request_put()->set_value(std::move(value));
  return op;
}
RequestOp GetOp(std::string key, std::int64_t revision = 0) {
  RequestOp op;
  op.mutable_request_range()->set_key(std::move(key));
  op.mutable_request_range()->set_revision(revision);
  return op;
}
RequestOp DeleteOp(std::string key) {
  RequestOp op;
  op.mutable_request_delete_range()->set_key(std::move(key));
  return op;
}
Compare Number(std::string key, Compare::CompareTarget target, Compare::CompareResult result,
               std::int64_t operand) {
  Compare compare;
  compare.set_key(std::move(key));
  compare.set_target(target);
  compare.set_result(result);
  if (target == Compare::VERSION) compare.set_version(operand);
  if (target == Compare::CREATE) compare.set_create_revision(operand);
  if (target == Compare::MOD) compare.set_mod_revision(operand);
  if (target == Compare::LEASE) compare.set_lease(operand);
  return compare;
}
Compare Value(std::string key, Compare::CompareResult result, std::string operand) {
  Compare compare;
  compare.set_key(std::move(key));
  compare.set_target(Compare::VALUE);
  compare.set_result(result);
  compare.set_value(std::move(operand));
  return compare;
}

class Txns : public testing::Test {
 protected:
  MemoryHome home_;
  MemberUnderTest member_{home_};

  bool Holds(const Compare& compare) {
    TxnRequest txn;
    *txn.add_compare() = compare;
    return member_.Txn(txn).body.succeeded();
  }
};

TEST_F(Txns, ManyWritesAreOneRevision) {
  TxnRequest txn;
  for (const char* key : {"a", "b", "c"}) *txn.add_success() = PutOp(key, "1");
  EXPECT_EQ(member_.Txn(txn).revision, Revision{2});
  for (const char* key : {"a", "b", "c"}) EXPECT_EQ(member_.Get(key).body.kvs(0).mod_revision(), 2);
  const auto chunk =
      member_.reader().ReadHistory({.main = Revision{2}}, nullptr, {.revisions = 10, .bytes = 1000});
  ASSERT_EQ(chunk->revisions.size(), 1U);
  EXPECT_EQ(chunk->revisions[0]->events[2].id.sub, 2);
  EXPECT_EQ(chunk->revisions[0]->events[2].key, "c");
}

TEST_F(Txns, AFalseCompareWithoutFailureOpsIsFineAndRaisesNothing) {
  TxnRequest txn;
  *txn.add_compare() = Number("a", Compare::VERSION, Compare::GREATER, 0);
  *txn.add_success() = PutOp("a", "1");
  const auto got = member_.Txn(txn);
  EXPECT_TRUE(got.ok());
  EXPECT_FALSE(got.body.succeeded());
  EXPECT_EQ(got.body.responses_size(), 0);
  EXPECT_EQ(got.revision, Revision{1});
}

TEST_F(Txns, NoCompareIsTrue) { EXPECT_TRUE(member_.Txn({}).body.succeeded()); }

TEST_F(Txns, AMissingKeyComparesAsZeroExceptByValue) {
  EXPECT_TRUE(Holds(Number("a", Compare::VERSION, Compare::EQUAL, 0)));
  EXPECT_TRUE(Holds(Number("a", Compare::CREATE, Compare::EQUAL, 0)));
  EXPECT_TRUE(Holds(Number("a", Compare::MOD, Compare::LESS, 1)));
  EXPECT_TRUE(Holds(Number("a", Compare::LEASE, Compare::EQUAL, 0)));
  EXPECT_FALSE(Holds(Value("a", Compare::EQUAL, "")));
  EXPECT_FALSE(Holds(Value("a", Compare::NOT_EQUAL, "x")));
  EXPECT_FALSE(Holds(Value("a", Compare::LESS, "x")));
}

TEST_F(Txns, EveryOperatorAndTargetOnAPresentKey) {
  member_.Put("a", "m");
  member_.Put("a", "m");
  EXPECT_TRUE(Holds(Number("a", Compare::VERSION, Compare::EQUAL, 2)));
  EXPECT_TRUE(Holds(Number("a", Compare::VERSION, Compare::NOT_EQUAL, 3)));
  EXPECT_TRUE(Holds(Number("a", Compare::CREATE, Compare::LESS, 3)));
  EXPECT_FALSE(Holds(Number("a", Compare::CREATE, Compare::GREATER, 2)));
  EXPECT_TRUE(Holds(Number("a", Compare::MOD, Compare::GREATER, 2)));
  EXPECT_TRUE(Holds(Number("a", Compare::LEASE, Compare::EQUAL, 0)));
  EXPECT_TRUE(Holds(Value("a", Compare::GREATER, "l")));
  EXPECT_TRUE(Holds(Value("a", Compare::LESS, "\xff"))) << "values compare as unsigned bytes";
  EXPECT_FALSE(Holds(Value("a", Compare::NOT_EQUAL, "m")));
}

TEST_F(Txns, AnUnsetOperandIsZeroOrEmpty) {
  Compare compare;
  compare.set_key("a");
  compare.set_target(Compare::VERSION);
  EXPECT_TRUE(Holds(compare));
  member_.Put("a", "");
  compare.set_target(Compare::VALUE);
  EXPECT_TRUE(Holds(compare));
}

TEST_F(Txns, AnUnknownTargetIsEqualAndAnUnknownResultIsTrue) {
  member_.Put("a", "1");
  EXPECT_TRUE(Holds(Number("a", static_cast<Compare::CompareTarget>(9), Compare::EQUAL, 7)));
  EXPECT_FALSE(Holds(Number("a", static_cast<Compare::CompareTarget>(9), Compare::LESS, 7)));
  EXPECT_TRUE(Holds(Number("a", Compare::VERSION, static_cast<Compare::CompareResult>(9), 7)));
}

TEST_F(Txns, ARangeCompareNeedsEveryKeyAndAnEmptyRangeIsAMissingKey) {
  member_.Put("k1", "x");
  member_.Put("k2", "x");
  Compare compare = Value("k", Compare::EQUAL, "x");
  compare.set_range_end("l");
  EXPECT_TRUE(Holds(compare));
  member_.Put("k2", "y");
  EXPECT_FALSE(Holds(compare));
  compare = Number("q", Compare::VERSION, Compare::EQUAL, 0);
  compare.set_range_end("r");
  EXPECT_TRUE(Holds(compare));
  compare = Value("q", Compare::NOT_EQUAL, "x");
  compare.set_range_end("r");
  EXPECT_FALSE(Holds(compare));
}

TEST_F(Txns, RangesSeeEarlierWritesOfTheTxnAndHeadersSayWhere) {
  member_.Put("a", "old");
  TxnRequest txn;
  *txn.add_success() = GetOp("a");
  *txn.add_success() = PutOp("a", "new");
  *txn.add_success() = GetOp("a");
  *txn.add_success() = DeleteOp("nothing");
  const auto got = member_.Txn(txn);
  ASSERT_EQ(got.body.responses_size(), 4);
  EXPECT_EQ(got.body.responses(0).response_range().kvs(0).value(), "old");
  EXPECT_EQ(got.body.responses(0).response_range().header().revision(), 2);
  EXPECT_EQ(got.body.responses(1).response_put().header().revision(), 3);
  EXPECT_EQ(got.body.responses(2).response_range().kvs(0).value(), "new");
  EXPECT_EQ(got.body.responses(2).response_range().header().revision(), 3);
  EXPECT_EQ(got.body.responses(3).response_delete_range().header().revision(), 3);
  EXPECT_EQ(got.body.responses(3).response_delete_range().deleted(), 0);
  EXPECT_EQ(got.body.responses(1).response_put().header().member_id(), 0U);
}

TEST_F(Txns, ADeletionThatChangesNothingFirstSaysTheOldRevision) {
  TxnRequest txn;
  *txn.add_success() = DeleteOp("nothing");
  *txn.add_success() = PutOp("a", "1");
  const auto got = member_.Txn(txn);
  EXPECT_EQ(got.body.responses(0).response_delete_range().header().revision(), 1);
}

TEST_F(Txns, ComparesOfNestedTxnsSeeTheStateBeforeTheWholeTxn) {
  TxnRequest txn;
  *txn.add_success() = PutOp("k", "1");
  TxnRequest& nested = *txn.add_success()->mutable_request_txn();
  *nested.add_compare() = Number("k", Compare::VERSION, Compare::EQUAL, 0);
  *nested.add_success() = GetOp("k");
  const auto got = member_.Txn(txn);
  ASSERT_EQ(got.body.responses_size(), 2);
  const auto& inner = got.body.responses(1).response_txn();
  EXPECT_TRUE(inner.succeeded());
  EXPECT_EQ(inner.responses(0).response_range().count(), 1) << "its ranges do see the put";
}

TEST_F(Txns, ANestedHeaderIsPresentAndEmpty) {
  TxnRequest txn;
  txn.add_success()->mutable_request_txn();
  const auto got = member_.Txn(txn);
  ASSERT_TRUE(got.body.responses(0).response_txn().has_header());
  EXPECT_EQ(got.body.responses(0).response_txn().header().revision(), 0);
}

TEST_F(Txns, AFailureOnTheExecutedBranchUndoesEverything) {
  const auto refused = [this](const RequestOp& bad) {
    TxnRequest txn;
    *txn.add_success() = PutOp("first", "1");
    *txn.add_success() = bad;
    const absl::Status status = member_.Txn(txn).status;
    EXPECT_EQ(member_.Get("first").body.count(), 0);
    return status;
  };
  RequestOp put = PutOp("b", "");
  put.mutable_request_put()->set_lease(5);
  EXPECT_EQ(refused(put), errors::LeaseNotFound());
  put = PutOp("b", "");
  put.mutable_request_put()->set_ignore_value(true);
  EXPECT_EQ(refused(put), errors::KeyNotFound());
  EXPECT_EQ(refused(GetOp("b", 100)), errors::FutureRevision());
  EXPECT_EQ(refused(GetOp("b", -2)), errors::Compacted()) << "negative numbers are not special here";
  RequestOp nested;
  *nested.mutable_request_txn()->add_success() = GetOp("b", 100);
  EXPECT_EQ(refused(nested), errors::FutureRevision());
  EXPECT_EQ(member_.reader().current_revision(), Revision{1});
}

TEST_F(Txns, OfTwoMistakesOfAPutATxnNamesTheMissingKeyAndAPutTheUnknownLease) {
  TxnRequest txn;
  *txn.add_success() = PutOp("missing", "");
  txn.mutable_success(0)->mutable_request_put()->set_ignore_value(true);
  txn.mutable_success(0)->mutable_request_put()->set_lease(-1);
  EXPECT_EQ(member_.Put(txn.success(0).request_put()).status, errors::LeaseNotFound());
  EXPECT_EQ(member_.Txn(txn).status, errors::KeyNotFound());
}

TEST_F(Txns, ATxnCannotReadItsOwnRevisionByNumber) {
  TxnRequest txn;
  *txn.add_success() = PutOp("a", "1");
  *txn.add_success() = GetOp("a", 2);
  EXPECT_EQ(member_.Txn(txn).status, errors::FutureRevision());
}

TEST_F(Txns, AnErrorOnTheOtherBranchDoesNotMatter) {
  TxnRequest txn;
  *txn.add_success() = PutOp("a", "1");
  *txn.add_failure() = GetOp("a", 100);
  EXPECT_TRUE(member_.Txn(txn).ok());
}

TEST_F(Txns, AnOldRevisionInsideATxnShowsTheOldState) {
  member_.Put("a", "1");
  member_.Put("a", "2");
  TxnRequest txn;
  *txn.add_success() = PutOp("a", "3");
  *txn.add_success() = GetOp("a", 2);
  EXPECT_EQ(member_.Txn(txn).body.responses(1).response_range().kvs(0).value(), "1");
}

TEST_F(Txns, PrevKvInsideATxn) {
  member_.Put("a", "1");
  TxnRequest txn;
  *txn.add_success() = PutOp("a", "2");
  txn.mutable_success(0)->mutable_request_put()->set_prev_kv(true);
  *txn.add_success() = DeleteOp("b");
  EXPECT_EQ(member_.Txn(txn).body.responses(0).response_put().prev_kv().value(), "1");
}

TEST_F(Txns, APutInANestedTxnMayBeDeletedByALaterSibling) {
  TxnRequest txn;  // Real etcd does not detect this one; both changes count.
  *txn.add_success()->mutable_request_txn()->add_success() = PutOp("a", "1");
  *txn.add_success()->mutable_request_txn()->add_success() = DeleteOp("a");
  const auto got = member_.Txn(txn);
  ASSERT_TRUE(got.ok()) << got.status;
  EXPECT_EQ(member_.Get("a").body.count(), 0);
  const auto chunk =
      member_.reader().ReadHistory({.main = Revision{2}}, nullptr, {.revisions = 10, .bytes = 1000});
  EXPECT_EQ(chunk->revisions[0]->events.size(), 2U);
  EXPECT_EQ(chunk->revisions[0]->events[1].previous, (RevisionId{.main = Revision{2}, .sub = 0}));
}

TEST_F(Txns, AnAnswerThatIsTooLargeSaysThatTheRequestTookEffect) {
  MemoryHome home;
  DatabaseOptions options = SmallOptions();
  options.answer_bytes = 1000;
  MemberUnderTest member(home, options);
  member.Put("a", std::string(2000, 'x'));
  TxnRequest txn;
  *txn.add_success() = GetOp("a");
  *txn.add_success() = PutOp("b", "1");
  const auto got = member.Txn(txn);
  EXPECT_EQ(got.status.code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(got.text().find("took effect at revision 3"), std::string::npos) << got.text();
  EXPECT_EQ(member.Get("b").body.count(), 1);
  EXPECT_EQ(member.Delete("a", {}, /*prev_kv=*/true).status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(member.Get("a").body.count(), 0);
}

}  // namespace
}  // namespace cairn::kv::test
