// Range and all its options.

#include <gtest/gtest.h>

#include <atomic>
#include <string>

#include "kv/model/errors.h"
#include "tests/kv/apply/member_under_test.h"

namespace cairn::kv::test {
namespace {

using etcdserverpb::RangeRequest;

std::string Zero() { return std::string(1, '\0'); }

class Ranges : public testing::Test {
 protected:
  MemoryHome home_;
  MemberUnderTest member_{home_};

  // Five keys whose orders by key, value, version, creation and modification all differ.
  void FiveKeys() {
    member_.Put("b", "4");  // 2
    member_.Put("a", "5");  // 3
    member_.Put("e", "2");  // 4
    member_.Put("d", "3");  // 5
    member_.Put("c", "1");  // 6
    member_.Put("e", "2");  // 7
    member_.Put("b", "4");  // 8
    member_.Put("e", "2");  // 9
  }
};

TEST_F(Ranges, AMissingKeyIsAnEmptyAnswerAndNoError) {
  const auto got = member_.Get("nothing");
  EXPECT_TRUE(got.ok());
  EXPECT_EQ(got.body.count(), 0);
  EXPECT_EQ(got.body.kvs_size(), 0);
}

TEST_F(Ranges, AnEmptyRangeEndIsOneKeyEvenIfItIsAPrefixOfOthers) {
  member_.Put("a", "1");
  member_.Put("ab", "2");
  EXPECT_EQ(Keys(member_.Get("a").body), "a");
}

TEST_F(Ranges, ZeroByteAsRangeEndMeansFromTheKeyOn) {
  FiveKeys();
  RangeRequest request;
  request.set_key("c");
  request.set_range_end(Zero());
  EXPECT_EQ(Keys(member_.Range(request).body), "c d e");
}

TEST_F(Ranges, ZeroByteForBothIsEverything) {
  FiveKeys();
  EXPECT_EQ(Keys(member_.Range(All()).body), "a b c d e");
}

TEST_F(Ranges, ARangeEndOfTwoBytesThatBeginsWithZeroIsAnOrdinaryBound) {
  member_.Put(std::string("\0a", 2), "1");
  member_.Put(std::string("\0b", 2), "2");
  RangeRequest request;
  request.set_key(Zero());
  request.set_range_end(std::string("\0b", 2));
  EXPECT_EQ(member_.Range(request).body.count(), 1);
}

TEST_F(Ranges, ARangeEndAtOrBelowTheKeyIsEmpty) {
  FiveKeys();
  RangeRequest request;
  request.set_key("c");
  for (const char* end : {"c", "a"}) {
    request.set_range_end(end);
    const auto got = member_.Range(request);
    EXPECT_TRUE(got.ok());
    EXPECT_EQ(got.body.count(), 0);
  }
}

TEST_F(Ranges, KeysAreOrderedAsUnsignedBytesAndMayHoldAnyByte) {
  const std::vector<std::string> keys = {Zero(),
                                         std::string("\0\0", 2),
                                         std::string("\0\xff", 2),
                                         "\x01",
                                         "a",
                                         std::string("a\0", 2),
                                         std::string("a\0b", 3),
                                         "a\x01",
                                         "ab",
                                         "\x7f",
                                         "\x80",
                                         "\xff",
                                         "\xff\xff"};
  for (auto it = keys.rbegin(); it != keys.rend(); ++it) member_.Put(*it, "x");
  const auto got = member_.Range(All());
  ASSERT_EQ(got.body.kvs_size(), static_cast<int>(keys.size()));
  for (std::size_t i = 0; i < keys.size(); ++i)
    EXPECT_EQ(got.body.kvs(static_cast<int>(i)).key(), keys[i]) << i;
}

TEST_F(Ranges, AnOldRevisionGivesOldValuesUnderTheCurrentHeader) {
  member_.Put("a", "1");
  member_.Put("a", "2");
  member_.Delete("a");
  const auto got = member_.Get("a", 2);
  EXPECT_EQ(got.revision, Revision{4});
  ASSERT_EQ(got.body.kvs_size(), 1);
  EXPECT_EQ(got.body.kvs(0).value(), "1");
  EXPECT_EQ(member_.Get("a", 4).body.count(), 0);
}

TEST_F(Ranges, ARevisionBeyondTheCurrentOneIsRefused) {
  EXPECT_EQ(member_.Get("a", 2).status, errors::FutureRevision());
}

TEST_F(Ranges, ANegativeRevisionMeansNow) {
  member_.Put("a", "1");
  EXPECT_EQ(member_.Get("a", -5).body.count(), 1);
}

TEST_F(Ranges, MoreIsTrueExactlyIfThereIsAnotherKeyAndCountIgnoresTheLimit) {
  FiveKeys();
  RangeRequest request = All();
  request.set_limit(4);
  auto got = member_.Range(request);
  EXPECT_EQ(Keys(got.body), "a b c d");
  EXPECT_TRUE(got.body.more());
  EXPECT_EQ(got.body.count(), 5);
  request.set_limit(5);
  got = member_.Range(request);
  EXPECT_FALSE(got.body.more());
  EXPECT_EQ(got.body.kvs_size(), 5);
}

TEST_F(Ranges, ANegativeLimitIsNone) {
  FiveKeys();
  RangeRequest request = All();
  request.set_limit(-1);
  EXPECT_EQ(member_.Range(request).body.kvs_size(), 5);
}

TEST_F(Ranges, CountOnlyIgnoresTheLimitAndReturnsNoKeys) {
  FiveKeys();
  RangeRequest request = All();
  request.set_count_only(true);
  request.set_limit(2);
  const auto got = member_.Range(request);
  EXPECT_EQ(got.body.count(), 5);
  EXPECT_EQ(got.body.kvs_size(), 0);
  EXPECT_FALSE(got.body.more());
}

TEST_F(Ranges, CountIsSetInAnOrdinaryAnswer) {
  FiveKeys();
  EXPECT_EQ(member_.Get("a").body.count(), 1);
}

TEST_F(Ranges, KeysOnlyLeavesOutNothingButTheValue) {
  FiveKeys();
  RangeRequest request = All();
  request.set_keys_only(true);
  const auto got = member_.Range(request);
  ASSERT_EQ(got.body.kvs_size(), 5);
  EXPECT_EQ(got.body.kvs(4).value(), "");
  EXPECT_EQ(got.body.kvs(4).version(), 3);
  EXPECT_EQ(got.body.kvs(4).create_revision(), 4);
  EXPECT_EQ(got.body.kvs(4).mod_revision(), 9);
}

TEST_F(Ranges, SortsByEveryTargetInBothOrdersWithTiesByKey) {
  FiveKeys();
  const auto sorted = [this](RangeRequest::SortTarget target, RangeRequest::SortOrder order) {
    RangeRequest request = All();
    request.set_sort_target(target);
    request.set_sort_order(order);
    return Keys(member_.Range(request).body);
  };
  EXPECT_EQ(sorted(RangeRequest::KEY, RangeRequest::DESCEND), "e d c b a");
  EXPECT_EQ(sorted(RangeRequest::KEY, RangeRequest::ASCEND), "a b c d e");
  EXPECT_EQ(sorted(RangeRequest::VALUE, RangeRequest::ASCEND), "c e d b a");
  EXPECT_EQ(sorted(RangeRequest::VALUE, RangeRequest::DESCEND), "a b d e c");
  EXPECT_EQ(sorted(RangeRequest::VERSION, RangeRequest::ASCEND), "a c d b e");
  EXPECT_EQ(sorted(RangeRequest::VERSION, RangeRequest::DESCEND), "e b a c d");
  EXPECT_EQ(sorted(RangeRequest::CREATE, RangeRequest::ASCEND), "b a e d c");
  EXPECT_EQ(sorted(RangeRequest::MOD, RangeRequest::DESCEND), "e b c d a");
}

TEST_F(Ranges, SortingWithALimitLooksAtTheWholeRange) {
  FiveKeys();
  RangeRequest request = All();
  request.set_sort_target(RangeRequest::MOD);
  request.set_sort_order(RangeRequest::DESCEND);
  request.set_limit(1);
  const auto got = member_.Range(request);
  EXPECT_EQ(Keys(got.body), "e");
  EXPECT_TRUE(got.body.more());
  EXPECT_EQ(got.body.count(), 5);
}

TEST_F(Ranges, WithoutAnOrderATargetSortsOnlyWhatTheLimitLetThrough) {
  FiveKeys();
  RangeRequest request = All();
  request.set_sort_target(RangeRequest::VALUE);
  request.set_limit(2);
  const auto got = member_.Range(request);
  EXPECT_EQ(Keys(got.body), "c b");  // The two smallest values among a, b and c.
  EXPECT_TRUE(got.body.more());
}

TEST_F(Ranges, WithAFilterATargetWithoutAnOrderSortsEverything) {
  FiveKeys();
  RangeRequest request = All();
  request.set_sort_target(RangeRequest::VALUE);
  request.set_limit(2);
  request.set_min_mod_revision(3);
  EXPECT_EQ(Keys(member_.Range(request).body), "c e");
}

TEST_F(Ranges, RevisionFiltersAreInclusiveAndAppliedBeforeTheLimit) {
  FiveKeys();
  RangeRequest request = All();
  request.set_min_mod_revision(5);
  request.set_max_mod_revision(8);
  EXPECT_EQ(Keys(member_.Range(request).body), "b c d");
  request.set_limit(2);
  EXPECT_TRUE(member_.Range(request).body.more());
  request = All();
  request.set_min_create_revision(3);
  request.set_max_create_revision(5);
  EXPECT_EQ(Keys(member_.Range(request).body), "a d e");
  request.set_limit(3);
  EXPECT_FALSE(member_.Range(request).body.more());
}

TEST_F(Ranges, CountIsNotAffectedByFilters) {
  FiveKeys();
  RangeRequest request = All();
  request.set_min_mod_revision(9);
  const auto got = member_.Range(request);
  EXPECT_EQ(got.body.kvs_size(), 1);
  EXPECT_EQ(got.body.count(), 5);
}

TEST_F(Ranges, AnAnswerBeyondTheLimitOfBytesIsRefusedWithASentence) {
  for (int i = 0; i < 20; ++i) member_.Put("k" + std::to_string(i), std::string(1000, 'x'));
  const auto got = member_.Range(All(), {.max_bytes = 10'000});
  EXPECT_EQ(got.status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(got.text().find("limit"), std::string::npos);
  RangeRequest sorted = All();
  sorted.set_sort_target(RangeRequest::VALUE);
  sorted.set_sort_order(RangeRequest::DESCEND);
  EXPECT_EQ(member_.Range(sorted, {.max_bytes = 10'000}).status.code(), absl::StatusCode::kResourceExhausted);
  sorted.set_limit(2);
  EXPECT_TRUE(member_.Range(sorted, {.max_bytes = 10'000}).ok())
      << "a limit bounds what a sorted range remembers";
}

TEST_F(Ranges, AReadThatLooksAtMoreKeysThanItMayIsTooMuchForNow) {
  for (int i = 0; i < 100; ++i) member_.Put(fmt::format("k{:02}", i), "v");
  EXPECT_TRUE(member_.Range(All(), {.max_keys = 100}).ok());
  EXPECT_EQ(member_.Range(All(), {.max_keys = 99}).status, errors::TooMuchForNow());
  RangeRequest first = All();
  first.set_limit(1);
  EXPECT_EQ(member_.Range(first, {.max_keys = 99}).status, errors::TooMuchForNow()) << "it counts them all";
  RangeRequest count = All();
  count.set_count_only(true);
  EXPECT_EQ(member_.Range(count, {.max_keys = 99}).status, errors::TooMuchForNow());
  RangeRequest filtered = All();
  filtered.set_min_mod_revision(101);
  EXPECT_EQ(member_.Range(filtered, {.max_keys = 99}).status, errors::TooMuchForNow());
  RangeRequest one;
  one.set_key("k50");
  EXPECT_TRUE(member_.Range(one, {.max_keys = 1}).ok());
}

TEST_F(Ranges, DeletedKeysAndThoseOfLaterRevisionsCountToo) {
  for (int i = 0; i < 100; ++i) member_.Put(fmt::format("k{:02}", i), "v");
  member_.Delete("k", "l");
  EXPECT_EQ(member_.Range(All()).body.count(), 0);
  EXPECT_EQ(member_.Range(All(), {.max_keys = 99}).status, errors::TooMuchForNow());
  RangeRequest before = All();
  before.set_revision(1);
  EXPECT_EQ(member_.Range(before, {.max_keys = 99}).status, errors::TooMuchForNow());
  // The same from the index family, to which a compaction has everything written.
  ASSERT_TRUE(member_.Compact(2).ok());
  EXPECT_EQ(member_.Range(All(), {.max_keys = 99}).status, errors::TooMuchForNow());
  before.set_revision(2);
  EXPECT_EQ(member_.Range(before, {.max_keys = 99}).status, errors::TooMuchForNow());
  EXPECT_EQ(member_.Range(before, {.max_keys = 100}).body.count(), 1);
}

TEST_F(Ranges, AllRangesAndComparisonsOfAReadOnlyTxnSpendOneBudget) {
  for (int i = 0; i < 10; ++i) member_.Put(fmt::format("k{}", i), "v");
  etcdserverpb::TxnRequest txn;
  auto& compare = *txn.add_compare();
  compare.set_key("k");
  compare.set_range_end("l");
  compare.set_result(etcdserverpb::Compare::GREATER);
  *txn.add_success()->mutable_request_range() = All();
  txn.add_success()->mutable_request_range()->set_key("k5");
  EXPECT_TRUE(member_.reader().ReadOnlyTxn(txn, {.max_keys = 21}).ok());
  EXPECT_EQ(member_.reader().ReadOnlyTxn(txn, {.max_keys = 20}).status(), errors::TooMuchForNow());
  EXPECT_EQ(member_.reader().ReadOnlyTxn(txn, {.max_keys = 9}).status(), errors::TooMuchForNow());
}

TEST_F(Ranges, AnAbandonedReadLooksAtNoFurtherKey) {
  member_.Put("k", "v");
  std::atomic<bool> abandoned{false};
  etcdserverpb::TxnRequest txn;
  *txn.add_success()->mutable_request_range() = All();
  EXPECT_TRUE(member_.Range(All(), {.abandoned = &abandoned}).ok());
  EXPECT_TRUE(member_.reader().ReadOnlyTxn(txn, {.abandoned = &abandoned}).ok());
  abandoned = true;
  EXPECT_EQ(member_.Range(All(), {.abandoned = &abandoned}).status, errors::TooMuchForNow());
  EXPECT_EQ(member_.reader().ReadOnlyTxn(txn, {.abandoned = &abandoned}).status(), errors::TooMuchForNow());
}

TEST_F(Ranges, LargeValuesAreReferencedAndSmallOnesCopied) {
  member_.Put("large", std::string(100'000, 'l'));
  member_.Put("small", "s");
  const auto got = member_.reader().Range(All(), {.max_bytes = 1 << 30});
  ASSERT_TRUE(got.ok());
  std::size_t large_pieces = 0;
  for (const Bytes& piece : got->body) large_pieces += piece.view.size() > 100'000 ? 1 : 0;
  EXPECT_EQ(large_pieces, 1U);
  EXPECT_LE(got->body.size(), 3U);
}

TEST_F(Ranges, AReadOnlyTxnComparesAndReadsAtOneMoment) {
  FiveKeys();
  etcdserverpb::TxnRequest txn;
  auto& compare = *txn.add_compare();
  compare.set_key("a");
  compare.set_target(etcdserverpb::Compare::VALUE);
  compare.set_value("5");
  txn.add_success()->mutable_request_range()->set_key("b");
  txn.add_success()->mutable_request_range()->set_key("zzz");
  const auto got = MemberUnderTest::Read<etcdserverpb::TxnResponse>(
      member_.reader().ReadOnlyTxn(txn, {.max_bytes = 1 << 20}));
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(got.revision, Revision{9});
  EXPECT_TRUE(got.body.succeeded());
  ASSERT_EQ(got.body.responses_size(), 2);
  EXPECT_EQ(got.body.responses(0).response_range().kvs(0).value(), "4");
  EXPECT_EQ(got.body.responses(0).response_range().header().revision(), 9);
  EXPECT_EQ(got.body.responses(0).response_range().header().cluster_id(), 0U);
  EXPECT_TRUE(got.body.responses(1).has_response_range());
}

TEST_F(Ranges, AReadOnlyTxnRefusesRevisionsOnTheBranchItTakesOnly) {
  etcdserverpb::TxnRequest txn;
  txn.add_failure()->mutable_request_range()->set_key("a");
  txn.mutable_failure(0)->mutable_request_range()->set_revision(100);
  EXPECT_TRUE(member_.reader().ReadOnlyTxn(txn, {.max_bytes = 1 << 20}).ok());
  *txn.add_success() = txn.failure(0);
  EXPECT_EQ(member_.reader().ReadOnlyTxn(txn, {.max_bytes = 1 << 20}).status(), errors::FutureRevision());
}

}  // namespace
}  // namespace cairn::kv::test
