// Requests that change more than fits in memory: what is kept of them meanwhile, and what a crash in the
// middle leaves.

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "kv/apply/state_machine.h"
#include "kv/store/store.h"
#include "kv/store/worker.h"
#include "raft/base/checksum.h"
#include "tests/kv/apply/member_under_test.h"

namespace cairn::kv::test {
namespace {

constexpr int kManyKeys = 60'000;
constexpr int kSomeKeys = 10'000;
constexpr std::size_t kTableBytes = 600 << 10;  // A table grows by blocks of 256 KiB.

// Runs every task at once and looks at the key index before.
class LookingWorker final : public Worker {
 public:
  void Post(Urgency urgency, Task task) override {
    if (generation != nullptr) {
      if (const auto frozen = generation->index().OldestFrozen()) {
        ++frozen_tables;
        frozen_bytes_max = std::max(frozen_bytes_max, frozen->table->bytes());
      }
    }
    inline_->Post(urgency, std::move(task));
  }
  void Stop() override { inline_->Stop(); }

  Generation* generation = nullptr;
  std::size_t frozen_bytes_max = 0;
  int frozen_tables = 0;

 private:
  std::unique_ptr<Worker> inline_ = MakeInlineWorker();
};

class CountingFeed final : public RevisionFeed {
 public:
  void OnRevisions(std::span<const std::shared_ptr<const RevisionEvents>> revisions) override {
    for (const auto& revision : revisions) {
      log += fmt::format("{}:{} ", revision->revision, revision->events.size());
      if (!revision->complete)
        log += fmt::format("in {}-{} ", revision->within->begin, revision->within->end);
    }
  }
  void OnCompacted(Revision /*compacted*/) override {}
  void OnStateReplaced(Revision /*current*/, Revision /*compacted*/) override {}
  std::string log;
};

// A member whose requests are split or not, on a home that outlives it.
class Member {
 public:
  enum class Split : std::uint8_t { kNever, kOften };

  Member(MemoryHome& home, Split split, int keys) : keys_(keys) {
    StoreOptions options;
    KvStateMachine::Options machine{.batch_bytes = std::size_t{1} << 40,
                                    .answer_bytes = 1 << 20,
                                    .pin_bytes = 1 << 20,
                                    .feed_bytes = std::size_t{1} << 40};
    options.key_index_bytes = std::size_t{1} << 40;
    options.key_index_tail_bytes = std::size_t{1} << 40;
    if (split == Split::kOften) {
      machine.batch_bytes = 64 << 10;
      machine.feed_bytes = 100'000;
      options.key_index_bytes = keys == kManyKeys ? kTableBytes : 1;  // 1: with every batch.
    }
    auto owned = std::make_unique<LookingWorker>();
    worker = owned.get();
    store = *Store::Open(home, std::move(owned), options, OneMember());
    worker->generation = store->generation().get();
    machine_ = std::make_unique<KvStateMachine>(*store, machine);
    machine_->SetFeed(&feed);
  }

  std::string Apply(CommandKind kind, const google::protobuf::Message& request) {
    std::string answer;
    std::vector<raft::ApplyItem> items(1);
    items[0].entry.id = {.term = raft::Term{1}, .index = Next(applied())};
    items[0].entry.kind = raft::EntryKind::kCommand;
    items[0].entry.payload = EncodeCommand(kind, request.SerializeAsString());
    items[0].done = [&answer](absl::StatusOr<std::unique_ptr<raft::ApplyResult>> got) {
      const auto& result = static_cast<const KvResult&>(**got);
      answer = fmt::format("{} {} {}", result.status.ToString(), result.revision, Flatten(result.body));
    };
    EXPECT_TRUE(machine_->Apply(items).ok());
    return answer;
  }
  [[nodiscard]] raft::Index applied() const { return machine_->recovered().last.index; }

  // Many keys in a few revisions; every tenth is put twice and every hundredth deleted again.
  void Fill() {
    int next = 0;
    while (next < keys_) {
      etcdserverpb::TxnRequest txn;
      for (int i = 0; i < keys_ / 20; ++i, ++next) AddPut(txn, next);
      Apply(CommandKind::kTxn, txn);
    }
    etcdserverpb::TxnRequest again;
    for (int i = 0; i < keys_; i += 10) AddPut(again, i);
    Apply(CommandKind::kTxn, again);
    etcdserverpb::TxnRequest deletions;
    for (int i = 0; i < keys_; i += 100) {
      deletions.add_success()->mutable_request_delete_range()->set_key(Key(i));
    }
    Apply(CommandKind::kTxn, deletions);
  }
  std::string DeleteAll() {
    etcdserverpb::DeleteRangeRequest request;
    request.set_key("k");
    request.set_range_end("l");
    return Apply(CommandKind::kDeleteRange, request);
  }
  // Deletes everything and puts some of it again, in one revision.
  std::string ReplaceAll() {
    etcdserverpb::TxnRequest txn;
    auto& all = *txn.add_success()->mutable_request_delete_range();
    all.set_key("k");
    all.set_range_end("l");
    for (int i = 0; i < 3; ++i) AddPut(*txn.add_success()->mutable_request_txn(), i, "l");
    return Apply(CommandKind::kTxn, txn);
  }
  // What readers see, now and before the last revision, and how it got there.
  std::string State() {
    const auto hash = store->reader().HashKv(Revision{0});
    etcdserverpb::RangeRequest before = All();
    before.set_revision(store->reader().current_revision().value() - 1);
    before.set_count_only(true);
    const auto count = MemberUnderTest::Read<etcdserverpb::RangeResponse>(store->reader().Range(before, {}));
    const auto now = MemberUnderTest::Read<etcdserverpb::RangeResponse>(store->reader().Range(All(), {}));
    return fmt::format("hash {} at {} before {} keys {} now {}: {:x}", hash->hash, hash->hashed,
                       count.body.count(), store->reader().sizes().keys, now.body.count(),
                       Checksum(now.body.SerializeAsString()));
  }

  LookingWorker* worker = nullptr;
  CountingFeed feed;
  std::unique_ptr<Store> store;

 private:
  static std::string Key(int i) { return fmt::format("k{:08}", i); }
  static void AddPut(etcdserverpb::TxnRequest& txn, int i, const std::string& prefix = "") {
    auto& put = *txn.add_success()->mutable_request_put();
    put.set_key(prefix + Key(i));
    put.set_value("v");
  }

  const int keys_;
  std::unique_ptr<KvStateMachine> machine_;
};

TEST(HugeRequest, KeepsNeitherItsEventsNorItsVersionsInMemoryAndIsAnsweredTheSame) {
  MemoryHome whole_home;
  Member whole(whole_home, Member::Split::kNever, kManyKeys);
  whole.Fill();
  const std::string whole_answer = whole.DeleteAll();
  ASSERT_EQ(whole.feed.log.find("in"), std::string::npos);

  MemoryHome home;
  Member split(home, Member::Split::kOften, kManyKeys);
  split.Fill();
  split.feed.log.clear();
  split.worker->frozen_tables = 0;
  EXPECT_EQ(split.DeleteAll(), whole_answer);
  EXPECT_EQ(split.feed.log, std::string("24:0 in k00000001-k00059999\0 ", 29)) << "the feed is to read it";
  EXPECT_GE(split.worker->frozen_tables, 5);
  EXPECT_LE(split.worker->frozen_bytes_max, kTableBytes + (512 << 10));
  EXPECT_LE(split.store->generation()->index().active_bytes(), kTableBytes + (512 << 10));
  EXPECT_EQ(split.State(), whole.State());
}

TEST(HugeRequest, ACrashInTheMiddleLeavesNothingOfItAndItIsAppliedAgain) {
  MemoryHome whole_home;
  Member whole(whole_home, Member::Split::kNever, kSomeKeys);
  whole.Fill();
  const raft::Index filled = whole.applied();
  const std::string state_before = whole.State();
  const std::string answer = whole.ReplaceAll();
  const std::string state_after = whole.State();

  // After every write but the last, so that the index family is behind sometimes and level sometimes.
  std::uint64_t made = 2;
  int in_the_middle = 0;
  for (std::uint64_t writes = 1; writes < made; ++writes) {
    SCOPED_TRACE(fmt::format("flushed after write {}", writes));
    MemoryHome home;
    {
      Member member(home, Member::Split::kOften, kSomeKeys);
      member.Fill();
      ASSERT_EQ(member.State(), state_before);
      const std::uint64_t before = home.current().writes();
      home.current().FlushAfterWrite(before + writes);
      ASSERT_EQ(member.ReplaceAll(), answer);
      made = home.current().writes() - before;
    }
    // Not closed: what was written after the flush is gone.
    Member member(home, Member::Split::kOften, kSomeKeys);
    if (member.applied() != filled) {  // What came after its last batch was the index alone.
      EXPECT_EQ(member.State(), state_after);
      continue;
    }
    ++in_the_middle;
    EXPECT_EQ(member.State(), state_before);
    EXPECT_EQ(member.ReplaceAll(), answer);
    EXPECT_EQ(member.State(), state_after);
    member.store->FreezeIndex(Freeze::kAnyway);
    ASSERT_TRUE(member.store->generation()->index().Empty());
    EXPECT_EQ(member.State(), state_after) << "all of it from the index family";
  }
  EXPECT_GE(in_the_middle, 5) << "it was hardly split";
}

TEST(HugeRequest, ARestartReadsItIntoTablesOfTheUsualSize) {
  MemoryHome home;
  std::string state;
  {
    Member whole(home, Member::Split::kNever, kManyKeys);
    whole.Fill();
    whole.DeleteAll();
    state = whole.State();
    ASSERT_TRUE(whole.store->Close().ok());
  }
  Member again(home, Member::Split::kOften, kManyKeys);
  EXPECT_LE(again.store->generation()->index().active_bytes(), kTableBytes + (512 << 10));
  EXPECT_EQ(again.State(), state);
}

}  // namespace
}  // namespace cairn::kv::test
