// Compaction: what becomes unreadable at once, what is removed when, and what survives.

#include <absl/synchronization/notification.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "kv/apply/state_machine.h"
#include "kv/model/errors.h"
#include "kv/store/store.h"
#include "kv/store/view.h"
#include "kv/store/worker.h"
#include "tests/kv/apply/member_under_test.h"
#include "tests/kv/store/temp_directory.h"

namespace cairn::kv::test {
namespace {

class Compaction : public testing::Test {
 protected:
  MemoryHome home_;
  MemberUnderTest member_{home_};

  // Records that are physically there.
  std::vector<std::string> Records() {
    std::vector<std::string> out;
    const auto cursor = home_.current().NewCursor(Family::kRevisions, {}, nullptr);
    for (cursor->Seek(""); cursor->Valid(); cursor->Next()) {
      const RevisionId id = *schema::DecodeRevisionKey(cursor->key());
      out.push_back(fmt::format("{}.{}", id.main, id.sub));
    }
    return out;
  }
  std::size_t IndexRows() {
    std::size_t rows = 0;
    const auto cursor = home_.current().NewCursor(Family::kIndex, {}, nullptr);
    for (cursor->Seek(""); cursor->Valid(); cursor->Next()) ++rows;
    return rows;
  }
};

TEST_F(Compaction, RefusesRevisionsAtOrBelowTheLastAndBeyondTheCurrent) {
  member_.Put("a", "1");
  EXPECT_EQ(member_.Compact(3).status, errors::FutureRevision());
  EXPECT_EQ(member_.Compact(-1).status, errors::Compacted());
  EXPECT_TRUE(member_.Compact(2).ok());
  EXPECT_EQ(member_.Compact(2).status, errors::Compacted());
  EXPECT_EQ(member_.Compact(1).status, errors::Compacted());
  EXPECT_EQ(member_.reader().current_revision(), Revision{2}) << "a compaction is no revision";
}

TEST_F(Compaction, ZeroAndOneAreAcceptedOnAStoreThatWasNeverCompacted) {
  EXPECT_EQ(member_.reader().compacted_revision(), kNeverCompacted);
  EXPECT_TRUE(member_.Compact(0).ok());
  EXPECT_TRUE(member_.Compact(1).ok());
  EXPECT_EQ(member_.reader().compacted_revision(), Revision{1});
}

TEST_F(Compaction, ReadsBelowTheMarkFailAndAtTheMarkSucceed) {
  for (int i = 0; i < 4; ++i) member_.Put("a", std::to_string(i));
  ASSERT_TRUE(member_.Compact(4).ok());
  EXPECT_EQ(member_.Get("a", 3).status, errors::Compacted());
  EXPECT_EQ(member_.Get("a", 4).body.kvs(0).value(), "2");
  EXPECT_EQ(member_.Get("a").body.kvs(0).value(), "3");
  EXPECT_EQ(
      member_.reader().ReadHistory({.main = Revision{3}}, nullptr, {.revisions = 10, .bytes = 100}).status(),
      errors::Compacted());
  EXPECT_EQ(member_.reader().HashKv(Revision{3}).status(), errors::Compacted());
  EXPECT_TRUE(member_.reader().HashKv(Revision{4}).ok());
  EXPECT_EQ(member_.reader().HashKv(Revision{9}).status(), errors::FutureRevision());
}

TEST_F(Compaction, KeepsTheNewestVersionOfLiveKeysAndTheDeletionAtTheMark) {
  member_.Put("a", "1");  // 2, superseded
  member_.Put("a", "2");  // 3, kept
  member_.Put("b", "1");  // 4, deleted below the mark
  member_.Delete("b");    // 5, gone
  member_.Put("c", "1");  // 6, deleted at the mark
  member_.Delete("c");    // 7, kept for watchers
  member_.Put("d", "1");  // 8
  ASSERT_TRUE(member_.Compact(7).ok());
  EXPECT_EQ(Records(), (std::vector<std::string>{"3.0", "7.0", "8.0"}));
  const auto chunk =
      member_.reader().ReadHistory({.main = Revision{7}}, nullptr, {.revisions = 10, .bytes = 1000});
  ASSERT_EQ(chunk->revisions.size(), 2U);
  EXPECT_TRUE(chunk->revisions[0]->events[0].deletion);
  EXPECT_EQ(*member_.reader().RecordAt(RevisionId{.main = Revision{6}, .sub = 0}), std::nullopt);
  ASSERT_TRUE(member_.Compact(8).ok());
  EXPECT_EQ(Records(), (std::vector<std::string>{"3.0", "8.0"}))
      << "the kept deletion goes with the next one";
  EXPECT_EQ(IndexRows(), 2U);
  EXPECT_EQ(Keys(member_.Range(All()).body), "a d");
}

TEST_F(Compaction, TheRevisionDoesNotFallWhenTheHeadIsCompactedAway) {
  member_.Put("a", "1");
  member_.Delete("a");
  member_.Put("b", "1");
  member_.Delete("b");
  ASSERT_TRUE(member_.Compact(5).ok());
  ASSERT_TRUE(member_.Compact(5).status == errors::Compacted());
  ASSERT_TRUE(member_.database().Close().ok());
  MemberUnderTest again(home_);
  EXPECT_EQ(again.reader().current_revision(), Revision{5});
  EXPECT_EQ(again.reader().compacted_revision(), Revision{5});
  EXPECT_EQ(again.Put("c", "1").revision, Revision{6});
}

TEST_F(Compaction, WhoWaitsForTheRemovalIsToldWhenItIsDone) {
  member_.Put("a", "1");
  member_.Put("a", "2");
  ASSERT_TRUE(member_.Compact(3).ok());
  bool told = false;
  member_.database().WhenCompacted(Revision{3}, [&told](const absl::Status& status) { told = status.ok(); });
  EXPECT_TRUE(told);
}

TEST_F(Compaction, WhoWaitsForARemovalThatFailsIsToldTheError) {
  member_.Put("a", "1");
  member_.Put("a", "2");
  const auto batch = home_.current().NewBatch();
  batch->Put(Family::kRevisions, schema::RevisionKey({.main = Revision{2}, .sub = 0}), "damaged");
  ASSERT_TRUE(home_.current().Write(*batch).ok());
  absl::Status before;
  member_.database().WhenCompacted(Revision{3},
                                   [&before](absl::Status status) { before = std::move(status); });
  ASSERT_TRUE(member_.Compact(3).ok());
  EXPECT_EQ(before.code(), absl::StatusCode::kDataLoss) << before;
  absl::Status after;
  member_.database().WhenCompacted(Revision{3}, [&after](absl::Status status) { after = std::move(status); });
  EXPECT_EQ(after, before);
}

TEST_F(Compaction, GivingUpTellsThoseWhoWaitAndThoseWhoComeLater) {
  member_.Put("a", "1");
  ASSERT_TRUE(member_.Compact(2).ok());
  std::vector<absl::Status> told;
  const auto tell = [&told](absl::Status status) { told.push_back(std::move(status)); };
  member_.database().WhenCompacted(Revision{9}, tell);
  EXPECT_TRUE(told.empty());
  member_.database().GiveUpWaiting(errors::Stopped());
  member_.database().GiveUpWaiting(errors::NoSpace());
  member_.database().WhenCompacted(Revision{9}, tell);
  EXPECT_EQ(told, (std::vector<absl::Status>{errors::Stopped(), errors::Stopped()}));
  member_.database().WhenCompacted(Revision{2}, tell);
  EXPECT_EQ(told.back(), absl::OkStatus()) << "what is done is done";
}

TEST(CompactionOnRocksDb, WhoWaitsForTheRemovalIsToldOrCancelled) {
  const TempDirectory temporary;
  const std::string& directory = temporary.path();
  absl::Notification done;
  absl::Notification cancelled;
  {
    DatabaseOptions options = SmallOptions();
    options.store.compaction_pause = std::chrono::milliseconds(1);
    MemberUnderTest member(directory, options);
    for (int i = 0; i < 5000; ++i) member.Put("a", std::to_string(i));
    ASSERT_TRUE(member.Compact(5001).ok());
    member.database().WhenCompacted(Revision{5001}, [&done](const absl::Status& status) {
      EXPECT_TRUE(status.ok());
      done.Notify();
    });
    EXPECT_TRUE(done.WaitForNotificationWithTimeout(absl::Seconds(20)));
    EXPECT_FALSE(member.reader().RecordAt(RevisionId{.main = Revision{5000}, .sub = 0})->has_value());
    member.database().WhenCompacted(Revision{9999}, [&cancelled](const absl::Status& status) {
      EXPECT_FALSE(status.ok());
      cancelled.Notify();
    });
  }
  EXPECT_TRUE(cancelled.HasBeenNotified());
}

// With the worker in the test's hand: what goes on beside and what an interruption leaves.
class SteppedCompaction : public testing::Test {
 protected:
  SteppedCompaction() {
    options_.compaction_step = 2;
    options_.compaction_window = 4;
    options_.compaction_run = 2;
    options_.key_index_frozen_max = 100;
  }
  void Open() {
    auto worker = std::make_unique<ManualWorker>();
    worker_ = worker.get();
    machine_.reset();
    store_.reset();
    store_ = *Store::Open(home_, std::move(worker), options_, OneMember());
    machine_ = std::make_unique<KvStateMachine>(
        *store_,
        KvStateMachine::Options{.batch_bytes = 1 << 20, .answer_bytes = 1 << 20, .pin_bytes = 1 << 10});
  }
  void Apply(CommandKind kind, const google::protobuf::Message& request) {
    std::vector<raft::ApplyItem> items(1);
    items[0].entry.id = {.term = raft::Term{1}, .index = Next(machine_->recovered().last.index)};
    items[0].entry.kind = raft::EntryKind::kCommand;
    items[0].entry.payload = EncodeCommand(kind, request.SerializeAsString());
    ASSERT_TRUE(machine_->Apply(items).ok());
  }
  void Fill() {
    for (int i = 0; i < 30; ++i) {
      etcdserverpb::PutRequest put;
      put.set_key("k" + std::to_string(i % 3));
      put.set_value(std::to_string(i));
      Apply(CommandKind::kPut, put);
    }
  }
  void Compact(std::int64_t revision) {
    etcdserverpb::CompactionRequest compact;
    compact.set_revision(revision);
    Apply(CommandKind::kCompact, compact);
  }
  std::string Values(std::int64_t revision) {
    etcdserverpb::RangeRequest request = All();
    request.set_revision(revision);
    const auto got = MemberUnderTest::Read<etcdserverpb::RangeResponse>(
        store_->reader().Range(request, {.max_bytes = 1 << 20}));
    if (!got.ok()) return got.text();
    std::string out;
    for (const auto& kv : got.body.kvs()) out += kv.value() + " ";
    return out;
  }
  std::size_t Records() {
    std::size_t n = 0;
    const auto cursor = home_.current().NewCursor(Family::kRevisions, {}, nullptr);
    for (cursor->Seek(""); cursor->Valid(); cursor->Next()) ++n;
    return n;
  }

  MemoryHome home_;
  StoreOptions options_;
  ManualWorker* worker_ = nullptr;
  std::unique_ptr<Store> store_;
  std::unique_ptr<KvStateMachine> machine_;
};

TEST_F(SteppedCompaction, OldReadsFailAtOnceThoughNothingHasBeenRemoved) {
  Open();
  Fill();
  Compact(20);
  EXPECT_EQ(Records(), 30U);
  EXPECT_NE(Values(19).find("compacted"), std::string::npos);
  EXPECT_EQ(Values(20), "18 16 17 ");
}

TEST_F(SteppedCompaction, AViewTakenBeforeSeesItsStateThroughout) {
  Open();
  Fill();
  absl::StatusOr<View> view = View::Take(store_->generation());
  ASSERT_TRUE(view.ok());
  Compact(31);
  worker_->RunAll();
  EXPECT_EQ(Records(), 3U);
  const auto old = view->Lookup("k0", schema::EndOf(Revision{5}));
  ASSERT_TRUE(old.ok());
  ASSERT_TRUE(old->has_value());
  const auto record = view->RecordOf(**old);
  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_EQ(DecodeKeyValue(record->bytes())->value, "3");
}

TEST_F(SteppedCompaction, TheHashDoesNotDependOnHowMuchHasBeenRemoved) {
  Open();
  Fill();
  etcdserverpb::DeleteRangeRequest remove;
  remove.set_key("k1");
  Apply(CommandKind::kDeleteRange, remove);
  Compact(31);
  const std::uint32_t before = store_->reader().HashKv(Revision{0})->hash;
  const std::uint32_t at_mark = store_->reader().HashKv(Revision{31})->hash;
  EXPECT_NE(before, at_mark);
  while (worker_->RunOne()) {
    EXPECT_EQ(store_->reader().HashKv(Revision{0})->hash, before);
    EXPECT_EQ(store_->reader().HashKv(Revision{31})->hash, at_mark);
    EXPECT_EQ(Values(31), "27 28 29 ");
    EXPECT_EQ(Values(0), "27 29 ");
  }
  EXPECT_EQ(Records(), 4U);
}

TEST_F(SteppedCompaction, AStepEndsAfterSomeBytesToo) {
  options_.compaction_step = 1000;
  options_.compaction_step_bytes = 100'000;
  Open();
  for (int i = 0; i < 30; ++i) {
    etcdserverpb::PutRequest put;
    put.set_key("k");
    put.set_value(std::string(50'000, 'v'));
    Apply(CommandKind::kPut, put);
  }
  Compact(31);
  bool done = false;
  store_->WhenCompacted(Revision{31}, [&done](const absl::Status& status) { done = status.ok(); });
  int steps = 0;
  for (; !done && worker_->RunOne(); ++steps) {
  }
  EXPECT_TRUE(done);
  EXPECT_GE(steps, 15) << "two values a step";
  EXPECT_EQ(Records(), 1U);
}

TEST_F(SteppedCompaction, AnInterruptedRemovalIsFinishedAfterARestart) {
  for (int steps = 1; steps < 20; ++steps) {
    home_ = MemoryHome();
    Open();
    Fill();
    Compact(25);
    for (int i = 0; i < steps; ++i) worker_->RunOne();
    home_.current().FlushAfterWrite(home_.current().writes() + 1);
    worker_->RunOne();
    if (steps % 2 == 0) {
      ASSERT_TRUE(home_.current().FlushAll().ok());
    }
    Open();  // What was not flushed is gone.
    if (machine_->recovered().last.index.value() < 31) {
      const std::size_t applied = machine_->recovered().last.index.value();
      if (applied < 30) continue;
      Compact(25);
    }
    worker_->RunAll();
    EXPECT_EQ(Records(), 9U) << steps;  // Three live at the mark, six above it.
    EXPECT_EQ(Values(0), "27 28 29 ");
    EXPECT_EQ(Values(25), "21 22 23 ");
  }
}

TEST_F(SteppedCompaction, ASecondMarkDuringTheFirstRemovalIsReachedToo) {
  Open();
  Fill();
  Compact(10);
  for (int i = 0; i < 3; ++i) worker_->RunOne();
  Compact(31);
  worker_->RunAll();
  EXPECT_EQ(Records(), 3U);
  EXPECT_EQ(store_->generation()->compactor().done(), Revision{31});
}

}  // namespace
}  // namespace cairn::kv::test
