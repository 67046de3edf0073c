// The store against a model that keeps every revision as a whole map: random requests, reads at all
// revisions, compactions and restarts.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kv/model/errors.h"
#include "tests/kv/apply/member_under_test.h"
#include "tests/kv/apply/random_requests.h"

namespace cairn::kv::test {
namespace {

// What MVCC means, written as plainly as possible: the whole state after each revision.
class NaiveStore {
 public:
  using State = std::map<std::string, mvccpb::KeyValue>;

  void Put(const etcdserverpb::PutRequest& put) {
    State next = now();
    const std::int64_t revision = current() + 1;
    mvccpb::KeyValue& kv = next[put.key()];
    if (kv.version() == 0) kv.set_create_revision(revision);
    kv.set_key(put.key());
    if (!put.ignore_value()) kv.set_value(put.value());
    kv.set_version(kv.version() + 1);
    kv.set_mod_revision(revision);
    states_.push_back(std::move(next));
  }
  std::int64_t Delete(const etcdserverpb::DeleteRangeRequest& request) {
    const KeyRange range = KeyRange::FromRequest(request.key(), request.range_end());
    State next = now();
    const auto deleted = static_cast<std::int64_t>(
        std::erase_if(next, [&range](const auto& entry) { return range.Contains(entry.first); }));
    if (deleted > 0) states_.push_back(std::move(next));
    return deleted;
  }
  [[nodiscard]] std::string Range(std::int64_t revision, const KeyRange& range) const {
    std::string out;
    for (const auto& [key, kv] : states_[static_cast<std::size_t>(revision)]) {
      if (range.Contains(key)) out += kv.SerializeAsString();
    }
    return out;
  }
  // Any request with a range of keys, as of `revision`.
  [[nodiscard]] std::string Answer(const etcdserverpb::RangeRequest& request, std::int64_t revision) const {
    using etcdserverpb::RangeRequest;
    std::vector<mvccpb::KeyValue> rows;
    const KeyRange range = KeyRange::FromRequest(request.key(), request.range_end());
    for (const auto& [key, kv] : states_[static_cast<std::size_t>(revision)]) {
      if (range.Contains(key)) rows.push_back(kv);
    }
    etcdserverpb::RangeResponse response;
    response.set_count(static_cast<std::int64_t>(rows.size()));
    if (request.count_only()) return response.ShortDebugString();
    const auto limit = static_cast<std::size_t>(request.limit());
    const bool filters = request.min_mod_revision() != 0 || request.max_create_revision() != 0;
    // etcd fetches no more than it needs when it neither filters nor was asked for an order.
    if (request.sort_order() == RangeRequest::NONE && !filters && limit != 0 && rows.size() > limit + 1) {
      rows.resize(limit + 1);
    }
    std::erase_if(rows, [&request](const mvccpb::KeyValue& kv) {
      return (request.min_mod_revision() != 0 && kv.mod_revision() < request.min_mod_revision()) ||
             (request.max_create_revision() != 0 && kv.create_revision() > request.max_create_revision());
    });
    const auto place = [&request](const mvccpb::KeyValue& kv) {
      std::pair<std::int64_t, std::string> place;
      if (request.sort_target() == RangeRequest::KEY) place.second = kv.key();
      if (request.sort_target() == RangeRequest::VALUE) place.second = kv.value();
      if (request.sort_target() == RangeRequest::VERSION) place.first = kv.version();
      if (request.sort_target() == RangeRequest::CREATE) place.first = kv.create_revision();
      if (request.sort_target() == RangeRequest::MOD) place.first = kv.mod_revision();
      return place;
    };
    std::stable_sort(rows.begin(), rows.end(), [&](const auto& a, const auto& b) {
      return request.sort_order() == RangeRequest::DESCEND ? place(b) < place(a) : place(a) < place(b);
    });
    if (limit != 0 && rows.size() > limit) {
      response.set_more(true);
      rows.resize(limit);
    }
    for (mvccpb::KeyValue& kv : rows) {
      if (request.keys_only()) kv.clear_value();
      *response.add_kvs() = kv;
    }
    return response.ShortDebugString();
  }
  [[nodiscard]] bool Has(const std::string& key) const { return now().contains(key); }
  [[nodiscard]] std::int64_t current() const { return static_cast<std::int64_t>(states_.size()) - 1; }

 private:
  [[nodiscard]] const State& now() const { return states_.back(); }
  std::vector<State> states_{{}, {}};  // Revisions 0 and 1 are empty.
};

class StoreModel : public testing::TestWithParam<std::uint64_t> {};

TEST_P(StoreModel, HoldsForEveryRevisionThroughCompactionsAndRestarts) {
  RandomRequests random(GetParam());
  Rng& rng = random.rng();
  DatabaseOptions options = SmallOptions();
  options.store.compaction_step = 3;
  options.store.compaction_window = 9;
  options.store.compaction_run = 3;
  options.store.key_index_bytes = GetParam() % 2 == 0 ? 1 : 1 << 20;
  MemoryHome home;
  auto member = std::make_unique<MemberUnderTest>(home, options);
  NaiveStore model;
  std::int64_t compacted = 0;
  for (int step = 0; step < 600; ++step) {
    const std::uint64_t dice = rng.Below(100);
    if (dice < 45) {
      etcdserverpb::PutRequest put = random.Put();
      put.set_lease(0);
      const auto answered = member->Put(put);
      if ((put.ignore_value() || put.ignore_lease()) && !model.Has(put.key())) {
        EXPECT_EQ(answered.status, errors::KeyNotFound());
      } else {
        model.Put(put);
      }
    } else if (dice < 60) {
      const auto request = random.Delete();
      EXPECT_EQ(member->Delete(request.key(), request.range_end()).body.deleted(), model.Delete(request));
    } else if (dice < 62 && compacted < model.current()) {
      compacted = static_cast<std::int64_t>(rng.Between(static_cast<std::uint64_t>(compacted) + 1,
                                                        static_cast<std::uint64_t>(model.current())));
      ASSERT_TRUE(member->Compact(compacted).ok());
    } else if (dice < 64) {
      ASSERT_TRUE(member->database().Close().ok());
      member = std::make_unique<MemberUnderTest>(home, options);
    } else if (dice < 82) {
      etcdserverpb::RangeRequest request = random.Range();
      const std::int64_t oldest = std::max<std::int64_t>(compacted, 1);
      const auto at = static_cast<std::int64_t>(
          rng.Between(static_cast<std::uint64_t>(oldest), static_cast<std::uint64_t>(model.current())));
      request.set_revision(rng.Chance(1, 2) ? 0 : at);
      const auto got = member->Range(request);
      ASSERT_TRUE(got.ok()) << got.status;
      EXPECT_EQ(got.body.ShortDebugString(),
                model.Answer(request, request.revision() == 0 ? model.current() : at))
          << "seed " << GetParam() << " step " << step << " request " << request.ShortDebugString();
    } else {
      etcdserverpb::RangeRequest request;
      request.set_key(random.Key());
      request.set_range_end(rng.Chance(1, 3) ? std::string(1, '\0') : random.Key());
      if (rng.Chance(1, 4)) request.clear_range_end();
      const auto revision =
          static_cast<std::int64_t>(rng.Below(static_cast<std::uint64_t>(model.current()) + 1));
      request.set_revision(revision);
      const auto got = member->Range(request);
      EXPECT_EQ(got.ok(), revision == 0 || revision >= compacted) << got.status;
      if (!got.ok()) continue;
      std::string bytes;
      for (const auto& kv : got.body.kvs()) bytes += kv.SerializeAsString();
      const std::int64_t at = revision == 0 ? model.current() : revision;
      EXPECT_EQ(bytes, model.Range(at, KeyRange::FromRequest(request.key(), request.range_end())))
          << "seed " << GetParam() << " step " << step << " revision " << revision;
    }
    ASSERT_EQ(member->reader().current_revision().value(), model.current());
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, StoreModel, testing::Range<std::uint64_t>(1, 11));

}  // namespace
}  // namespace cairn::kv::test
