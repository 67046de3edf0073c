#include "raft/replica/reconcile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/raft/replica/one_replica.h"
#include "tests/sim/sim_disk.h"

namespace cairn::raft {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class ReconcileTest : public testing::Test {
 protected:
  ReconcileTest() { Open(); }

  void Open() {
    log_.reset();
    auto opened = SegmentedLog::Open(disk_, {.segment_bytes = 1 << 16, .spare_segments = 0});
    ASSERT_TRUE(opened.ok()) << opened.status();
    log_ = std::move(opened->log);
    contents_ = std::move(opened->contents);
  }
  // Entries (term, index from 1 on), then a restart.
  void Write(const std::vector<std::uint64_t>& terms, HardState hard_state) {
    LogWrite write{.number = WriteNumber{1}, .hard_state = hard_state, .entries = {}};
    for (const std::uint64_t term : terms) {
      Entry entry = CommandEntry(Term{term}, Index{write.entries.size() + 1});
      entry.time = ClusterTime{100 * (write.entries.size() + 1)};
      write.entries.push_back(std::move(entry));
    }
    ASSERT_TRUE(log_->Write({&write, 1}).ok());
    Open();
  }
  static SnapshotMeta State(std::uint64_t term, std::uint64_t index) {
    return {.last = {.term = Term{term}, .index = Index{index}},
            .config = {.voters = {NodeId{1}, NodeId{2}}, .outgoing = {}, .learners = {}, .learners_next = {}},
            .time = ClusterTime{100 * index}};
  }

  SimDisk disk_;
  std::unique_ptr<SegmentedLog> log_;
  LogContents contents_;
};

TEST_F(ReconcileTest, ANewNodeBeginsAtTheBeginning) {
  const auto restored = Reconcile(std::move(contents_), State(0, 0), *log_);
  ASSERT_TRUE(restored.ok());
  EXPECT_EQ(restored->applied, Index{0});
  EXPECT_THAT(restored->entries, IsEmpty());
  EXPECT_THAT(restored->base.config.voters, SizeIs(2));
}

TEST_F(ReconcileTest, WhatIsAppliedAlreadyStaysForFollowersThatAreBehind) {
  Write({1, 1, 2, 2}, {.term = Term{3}, .vote = NodeId{2}});
  const auto restored = Reconcile(std::move(contents_), State(1, 2), *log_);
  ASSERT_TRUE(restored.ok());
  EXPECT_THAT(restored->entries, SizeIs(4));
  EXPECT_EQ(restored->applied, Index{2});
  EXPECT_EQ(restored->base.last, EntryId{});
  EXPECT_LE(restored->base.time, restored->entries.front().time);
  EXPECT_EQ(restored->hard_state, (HardState{.term = Term{3}, .vote = NodeId{2}}));
  const Core core({.self = NodeId{1}}, *restored);  // The core accepts it.
  EXPECT_EQ(core.status().commit, Index{2});
}

TEST_F(ReconcileTest, AStateAheadOfTheLogIsWhereTheLogGoesOn) {
  Write({1, 1}, {.term = Term{2}, .vote = NodeId{1}});
  auto restored = Reconcile(std::move(contents_), State(2, 5), *log_);
  ASSERT_TRUE(restored.ok());
  EXPECT_THAT(restored->entries, IsEmpty());
  EXPECT_EQ(restored->base.last, (EntryId{.term = Term{2}, .index = Index{5}}));
  EXPECT_EQ(restored->hard_state, (HardState{.term = Term{2}, .vote = NodeId{1}}));
  const Core core({.self = NodeId{1}}, *restored);
  EXPECT_EQ(core.status().last.index, Index{5});

  // Durably so, and the vote with it.
  Open();
  EXPECT_EQ(contents_.base, (EntryId{.term = Term{2}, .index = Index{5}}));
  EXPECT_EQ(contents_.hard_state, (HardState{.term = Term{2}, .vote = NodeId{1}}));
}

TEST_F(ReconcileTest, AnOlderVersionOfWhatTheStateHasIsReplaced) {
  Write({1, 1, 1, 1}, {.term = Term{3}, .vote = {}});
  const auto restored = Reconcile(std::move(contents_), State(3, 2), *log_);
  ASSERT_TRUE(restored.ok());
  EXPECT_THAT(restored->entries, IsEmpty());
  EXPECT_EQ(restored->base.last, (EntryId{.term = Term{3}, .index = Index{2}}));
}

TEST_F(ReconcileTest, ATermThatWasNotWrittenYetIsTakenUpWithoutAVote) {
  Write({1}, {.term = Term{1}, .vote = NodeId{1}});
  const auto restored = Reconcile(std::move(contents_), State(4, 9), *log_);
  ASSERT_TRUE(restored.ok());
  EXPECT_EQ(restored->hard_state, (HardState{.term = Term{4}, .vote = std::nullopt}));
}

TEST_F(ReconcileTest, ALogThatBeginsAfterTheStateIsRefusedWithASentence) {
  ASSERT_TRUE(log_->Reset({.term = Term{2}, .index = Index{50}}).ok());
  Open();
  const auto restored = Reconcile(std::move(contents_), State(1, 20), *log_);
  EXPECT_TRUE(absl::IsDataLoss(restored.status()));
  EXPECT_THAT(std::string(restored.status().message()), HasSubstr("begins after index 50"));
  EXPECT_THAT(std::string(restored.status().message()), HasSubstr("add it anew"));
}

// Figure 8: this member led in term 3 and replicated to nobody; then a leader of term 4 committed the entry
// of term 2 in that place. It was applied (or came as a snapshot) before the log was overwritten.
TEST_F(ReconcileTest, AVersionOfALaterTermThatWasNeverCommittedIsReplacedToo) {
  Write({1, 3, 3}, {.term = Term{4}, .vote = NodeId{2}});
  const auto restored = Reconcile(std::move(contents_), State(2, 2), *log_);
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_THAT(restored->entries, IsEmpty());
  EXPECT_EQ(restored->base.last, (EntryId{.term = Term{2}, .index = Index{2}}));
  EXPECT_EQ(restored->hard_state, (HardState{.term = Term{4}, .vote = NodeId{2}}));
}

}  // namespace
}  // namespace cairn::raft
