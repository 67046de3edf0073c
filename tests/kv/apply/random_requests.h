#pragma once

#include <string>
#include <utility>
#include <vector>

#include "etcd/rpc.pb.h"
#include "kv/model/command.h"
#include "raft/base/rng.h"
#include "raft/core/entry.h"

namespace cairn::kv::test {

// Commands of every kind over few keys, so that they meet; the same seed gives the same list.
class RandomRequests {
 public:
  explicit RandomRequests(std::uint64_t seed) : rng_(seed) {}

  // Entries 1 to n.
  std::vector<raft::Entry> Entries(std::size_t n) {
    std::vector<raft::Entry> entries;
    for (std::size_t i = 1; i <= n; ++i) {
      raft::Entry entry;
      entry.id = {.term = raft::Term{1 + i / 50}, .index = raft::Index{i}};
      entry.time = ClusterTime{i * 3};
      if (rng_.Chance(1, 20)) {
        entry.kind = raft::EntryKind::kEmpty;
      } else {
        entry.kind = raft::EntryKind::kCommand;
        entry.payload = Command();
      }
      entries.push_back(std::move(entry));
    }
    return entries;
  }

  etcdserverpb::PutRequest Put() {
    etcdserverpb::PutRequest put;
    put.set_key(Key());
    put.set_prev_kv(rng_.Chance(1, 2));
    if (rng_.Chance(1, 10)) {
      put.set_ignore_value(true);
    } else {
      put.set_value(
          std::string(rng_.Below(rng_.Chance(1, 20) ? 40'000 : 40), static_cast<char>('a' + rng_.Below(26))));
    }
    if (rng_.Chance(1, 30)) put.set_lease(9);
    if (put.lease() == 0 && rng_.Chance(1, 10)) put.set_ignore_lease(true);
    return put;
  }

  etcdserverpb::DeleteRangeRequest Delete() {
    etcdserverpb::DeleteRangeRequest request;
    request.set_key(Key());
    if (rng_.Chance(1, 2)) request.set_range_end(Key());
    if (rng_.Chance(1, 30)) request.set_range_end(std::string(1, '\0'));
    request.set_prev_kv(rng_.Chance(1, 2));
    return request;
  }

  etcdserverpb::RangeRequest Range() {
    etcdserverpb::RangeRequest request;
    request.set_key(Key());
    if (rng_.Chance(1, 2)) request.set_range_end(rng_.Chance(1, 3) ? std::string(1, '\0') : Key());
    if (rng_.Chance(1, 5)) request.set_revision(static_cast<std::int64_t>(rng_.Below(60)));
    if (rng_.Chance(1, 4)) request.set_limit(static_cast<std::int64_t>(rng_.Below(4)));
    request.set_keys_only(rng_.Chance(1, 6));
    request.set_count_only(rng_.Chance(1, 10));
    if (rng_.Chance(1, 4)) {
      request.set_sort_order(static_cast<etcdserverpb::RangeRequest::SortOrder>(rng_.Below(3)));
      request.set_sort_target(static_cast<etcdserverpb::RangeRequest::SortTarget>(rng_.Below(5)));
    }
    if (rng_.Chance(1, 8)) request.set_min_mod_revision(static_cast<std::int64_t>(rng_.Below(40)));
    if (rng_.Chance(1, 8)) request.set_max_create_revision(static_cast<std::int64_t>(rng_.Below(40)));
    return request;
  }

  etcdserverpb::TxnRequest Txn(int depth = 0) {
    etcdserverpb::TxnRequest txn;
    for (std::uint64_t i = rng_.Below(3); i > 0; --i) {
      etcdserverpb::Compare& compare = *txn.add_compare();
      compare.set_key(Key());
      compare.set_result(static_cast<etcdserverpb::Compare::CompareResult>(rng_.Below(4)));
      compare.set_target(static_cast<etcdserverpb::Compare::CompareTarget>(rng_.Below(5)));
      if (compare.target() == etcdserverpb::Compare::VALUE) {
        compare.set_value(std::string(rng_.Below(3), 'c'));
      } else {
        compare.set_version(static_cast<std::int64_t>(rng_.Below(3)));
      }
      if (rng_.Chance(1, 4)) compare.set_range_end(Key());
    }
    for (auto* ops : {txn.mutable_success(), txn.mutable_failure()}) {
      for (std::uint64_t i = rng_.Below(5); i > 0; --i) {
        etcdserverpb::RequestOp& op = *ops->Add();
        const std::uint64_t kind = rng_.Below(depth < 2 ? 8 : 7);
        if (kind < 3) *op.mutable_request_put() = Put();
        if (kind >= 3 && kind < 5) *op.mutable_request_range() = Range();
        if (kind >= 5 && kind < 7) *op.mutable_request_delete_range() = Delete();
        if (kind == 7) *op.mutable_request_txn() = Txn(depth + 1);
      }
    }
    return txn;
  }

  // Mostly of a revision that exists.
  etcdserverpb::CompactionRequest Compact() {
    etcdserverpb::CompactionRequest request;
    request.set_revision(static_cast<std::int64_t>(rng_.Below(++compactions_ * 8)));
    return request;
  }

  std::string Key() {
    static const std::vector<std::string> keys = {"a",   "b", "ba",  std::string("b\0", 2), "c", "d/1",
                                                  "d/2", "e", "\xff"};
    return keys[rng_.Below(keys.size())];
  }

  Rng& rng() { return rng_; }

 private:
  Payload Command() {
    const std::uint64_t kind = rng_.Below(20);
    if (kind < 10) return EncodeCommand(CommandKind::kPut, Put().SerializeAsString());
    if (kind < 13) return EncodeCommand(CommandKind::kDeleteRange, Delete().SerializeAsString());
    if (kind < 19) return EncodeCommand(CommandKind::kTxn, Txn().SerializeAsString());
    return EncodeCommand(CommandKind::kCompact, Compact().SerializeAsString());
  }

  Rng rng_;
  std::uint64_t compactions_ = 0;
};

}  // namespace cairn::kv::test
