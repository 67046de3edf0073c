#include "kv/apply/validate.h"

#include <gtest/gtest.h>

#include <string>

#include "etcd/rpc.pb.h"
#include "kv/apply/key_intervals.h"
#include "kv/model/errors.h"

namespace cairn::kv {
namespace {

using etcdserverpb::RequestOp;
using etcdserverpb::TxnRequest;

void AddPut(google::protobuf::RepeatedPtrField<RequestOp>& ops, std::string key) {
  ops.Add()->mutable_request_put()->set_key(std::move(key));
}
void AddDelete(google::protobuf::RepeatedPtrField<RequestOp>& ops, std::string key, std::string end = {}) {
  auto& request = *ops.Add()->mutable_request_delete_range();
  request.set_key(std::move(key));
  request.set_range_end(std::move(end));
}

TEST(Validate, EmptyKeysAreRefusedEverywhere) {
  EXPECT_EQ(CheckRange({}), errors::EmptyKey());
  EXPECT_EQ(CheckPut({}), errors::EmptyKey());
  EXPECT_EQ(CheckDeleteRange({}), errors::EmptyKey());
  TxnRequest txn;
  txn.add_compare();
  EXPECT_EQ(CheckTxn(txn, 128), errors::EmptyKey());
  txn.clear_compare();
  txn.add_failure()->mutable_request_range();
  EXPECT_EQ(CheckTxn(txn, 128), errors::EmptyKey());
}

TEST(Validate, UnknownSortNumbersAreRefused) {
  etcdserverpb::RangeRequest request;
  request.set_key("a");
  request.set_sort_order(static_cast<etcdserverpb::RangeRequest::SortOrder>(3));
  EXPECT_EQ(CheckRange(request), errors::InvalidSortOption());
  request.clear_sort_order();
  request.set_sort_target(static_cast<etcdserverpb::RangeRequest::SortTarget>(5));
  EXPECT_EQ(CheckRange(request), errors::InvalidSortOption());
  TxnRequest txn;
  *txn.add_success()->mutable_request_range() = request;
  EXPECT_EQ(CheckTxn(txn, 128), errors::InvalidSortOption());
}

TEST(Validate, IgnoredFieldsMustBeUnset) {
  etcdserverpb::PutRequest put;
  put.set_key("a");
  put.set_ignore_value(true);
  EXPECT_TRUE(CheckPut(put).ok());
  put.set_value("x");
  EXPECT_EQ(CheckPut(put), errors::ValueProvided());
  put.set_ignore_value(false);
  put.set_ignore_lease(true);
  put.set_lease(1);
  EXPECT_EQ(CheckPut(put), errors::LeaseProvided());
}

TEST(Validate, AnEmptyOperationIsKeyNotFound) {
  TxnRequest txn;
  txn.add_failure();
  EXPECT_EQ(CheckTxn(txn, 128), errors::KeyNotFound());
}

TEST(Validate, AnyListBeyondTheLimitIsTooManyOperations) {
  for (int list = 0; list < 3; ++list) {
    TxnRequest txn;
    for (int i = 0; i < 128; ++i) {
      const std::string key = "k" + std::to_string(i);
      if (list == 0) txn.add_compare()->set_key(key);
      if (list == 1) AddPut(*txn.mutable_success(), key);
      if (list == 2) AddPut(*txn.mutable_failure(), key);
    }
    EXPECT_TRUE(CheckTxn(txn, 128).ok());
    if (list == 0) txn.add_compare()->set_key("one more");
    if (list == 1) AddPut(*txn.mutable_success(), "one more");
    if (list == 2) AddPut(*txn.mutable_failure(), "one more");
    EXPECT_EQ(CheckTxn(txn, 128), errors::TooManyOps());
  }
}

TEST(Validate, NestedTxnsShareTheBudget) {
  TxnRequest txn;
  TxnRequest& nested = *txn.add_success()->mutable_request_txn();
  for (int i = 0; i < 3; ++i) AddPut(*nested.mutable_success(), "k" + std::to_string(i));
  EXPECT_TRUE(CheckTxn(txn, 4).ok());
  EXPECT_EQ(CheckTxn(txn, 3), errors::TooManyOps());
}

TEST(Validate, AKeyMayBePutOncePerBranch) {
  TxnRequest txn;
  AddPut(*txn.mutable_success(), "a");
  AddPut(*txn.mutable_failure(), "a");
  EXPECT_TRUE(CheckTxn(txn, 128).ok()) << "the same key in both branches is fine";
  AddPut(*txn.mutable_failure(), "a");
  EXPECT_EQ(CheckTxn(txn, 128), errors::DuplicateKey());
}

TEST(Validate, NoPutInsideADeletedRangeInAnyOrder) {
  for (const bool put_first : {false, true}) {
    TxnRequest txn;
    if (put_first) AddPut(*txn.mutable_success(), "b");
    AddDelete(*txn.mutable_success(), "a", "c");
    if (!put_first) AddPut(*txn.mutable_success(), "b");
    EXPECT_EQ(CheckTxn(txn, 128), errors::DuplicateKey());
  }
  TxnRequest txn;
  AddDelete(*txn.mutable_success(), "a", "c");
  AddPut(*txn.mutable_success(), "c");
  EXPECT_TRUE(CheckTxn(txn, 128).ok()) << "the end is not deleted";
}

TEST(Validate, OverlappingDeletionsAreFine) {
  TxnRequest txn;
  AddDelete(*txn.mutable_success(), "a", "c");
  AddDelete(*txn.mutable_success(), "b", "d");
  AddDelete(*txn.mutable_success(), "b");
  EXPECT_TRUE(CheckTxn(txn, 128).ok());
}

TEST(Validate, NestedPutsCountInTheParent) {
  TxnRequest txn;
  AddPut(*txn.mutable_success(), "a");
  AddPut(*txn.add_success()->mutable_request_txn()->mutable_failure(), "a");
  EXPECT_EQ(CheckTxn(txn, 128), errors::DuplicateKey());
}

TEST(Validate, BothBranchesOfANestedTxnMayPutTheSameKey) {
  TxnRequest txn;
  TxnRequest& nested = *txn.add_success()->mutable_request_txn();
  AddPut(*nested.mutable_success(), "a");
  AddPut(*nested.mutable_failure(), "a");
  EXPECT_TRUE(CheckTxn(txn, 128).ok());
  AddPut(*txn.add_success()->mutable_request_txn()->mutable_success(), "a");
  EXPECT_EQ(CheckTxn(txn, 128), errors::DuplicateKey()) << "but not a sibling";
}

TEST(Validate, NestedPutsMeetTheDeletionsOfTheParentAndOfEarlierSiblings) {
  TxnRequest parent;
  AddPut(*parent.add_success()->mutable_request_txn()->mutable_success(), "a");
  AddDelete(*parent.mutable_success(), "a");
  EXPECT_EQ(CheckTxn(parent, 128), errors::DuplicateKey());

  TxnRequest earlier;
  AddDelete(*earlier.add_success()->mutable_request_txn()->mutable_failure(), "a", "b");
  AddPut(*earlier.add_success()->mutable_request_txn()->mutable_success(), "a");
  EXPECT_EQ(CheckTxn(earlier, 128), errors::DuplicateKey());

  TxnRequest later;
  AddPut(*later.add_success()->mutable_request_txn()->mutable_success(), "a");
  AddDelete(*later.add_success()->mutable_request_txn()->mutable_success(), "a", "b");
  EXPECT_TRUE(CheckTxn(later, 128).ok()) << "not detected by etcd either";
}

TEST(Validate, OnlyPlainRangesMakeATxnReadOnly) {
  TxnRequest txn;
  EXPECT_TRUE(IsReadOnly(txn));
  txn.add_success()->mutable_request_range()->set_key("a");
  EXPECT_TRUE(IsReadOnly(txn));
  txn.add_failure()->mutable_request_txn();
  EXPECT_FALSE(IsReadOnly(txn));
}

TEST(KeyIntervals, UnitesWhatOverlapsAndTouches) {
  KeyIntervals intervals;
  intervals.Add("b", "d");
  intervals.Add("f", "h");
  EXPECT_FALSE(intervals.Contains("e"));
  intervals.Add("c", "g");
  for (const char* key : {"b", "d", "e", "gz"}) EXPECT_TRUE(intervals.Contains(key)) << key;
  EXPECT_FALSE(intervals.Contains("a"));
  EXPECT_FALSE(intervals.Contains("h"));
  intervals.Add("x", std::string_view("\0", 1));
  EXPECT_TRUE(intervals.Contains("zzz"));
  intervals.Add("m", "k");
  EXPECT_FALSE(intervals.Contains("l"));
}

}  // namespace
}  // namespace cairn::kv
