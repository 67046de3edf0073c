#include "raft/log/segmented_log.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "raft/base/assert.h"
#include "raft/base/status.h"
#include "raft/log/format.h"
#include "tests/raft/log/log_script.h"
#include "tests/raft/log/test_disks.h"

namespace cairn::raft {
namespace {

constexpr LogOptions kScriptOptions{.segment_bytes = kScriptSegmentBytes, .spare_segments = 1};
constexpr LogOptions kSmall{.segment_bytes = 8192, .spare_segments = 1};

LogWrite Entries(std::vector<Entry> entries) {
  return {.number = WriteNumber{1}, .hard_state = {}, .entries = std::move(entries)};
}

SegmentedLog::Opened OpenLog(Disk& disk, const LogOptions& options) {
  absl::StatusOr<SegmentedLog::Opened> opened = SegmentedLog::Open(disk, options);
  CAIRN_ASSERT(opened.ok(), "{}", MessageOf(opened.status()));
  return *std::move(opened);
}

absl::Status Append(SegmentedLog& log, std::uint64_t first, std::size_t count, std::size_t payload_bytes) {
  const LogWrite write = Entries(MakeEntries(first, count, 1, payload_bytes));
  return log.Write({&write, 1});
}

std::size_t CountOf(const SimDisk& disk, SimDisk::Kind kind) {
  return static_cast<std::size_t>(
      std::count_if(disk.operations().begin(), disk.operations().end(),
                    [&](const SimDisk::Operation& done) { return done.kind == kind; }));
}

class LogOnDisk : public ::testing::TestWithParam<DiskKind> {
 protected:
  TestDisk disk_{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Both, LogOnDisk, ::testing::Values(DiskKind::kSim, DiskKind::kPosix),
                         [](const auto& info) { return info.param == DiskKind::kSim ? "Sim" : "Posix"; });

TEST_P(LogOnDisk, ANewLogIsEmpty) {
  for (int opening = 0; opening < 3; ++opening) {
    const SegmentedLog::Opened opened = OpenLog(*disk_, kSmall);
    EXPECT_EQ(opened.contents.hard_state, HardState{});
    EXPECT_EQ(opened.contents.base, EntryId{});
    EXPECT_TRUE(opened.contents.entries.empty());
    EXPECT_FALSE(opened.contents.cut_tail.has_value());
  }
}

TEST_P(LogOnDisk, EveryStepIsThereAfterAReopen) {
  LogModel model;
  for (const LogStep& step : EverydayScript()) {
    const SegmentedLog::Opened opened = OpenLog(*disk_, kScriptOptions);
    ASSERT_EQ(Difference(model, opened.contents), "");
    EXPECT_FALSE(opened.contents.cut_tail.has_value());
    ASSERT_TRUE(Perform(*opened.log, step).ok());
    model.Apply(step);
  }
  EXPECT_EQ(Difference(model, OpenLog(*disk_, kScriptOptions).contents), "");
}

TEST_P(LogOnDisk, OneLifeHoldsTheSameAsMany) {
  LogModel model;
  {
    const SegmentedLog::Opened opened = OpenLog(*disk_, kScriptOptions);
    for (const LogStep& step : EverydayScript()) {
      ASSERT_TRUE(Perform(*opened.log, step).ok());
      model.Apply(step);
    }
  }
  EXPECT_EQ(Difference(model, OpenLog(*disk_, kScriptOptions).contents), "");
}

TEST_P(LogOnDisk, BytesOnDiskAreThoseOfItsFiles) {
  const SegmentedLog::Opened opened = OpenLog(*disk_, kScriptOptions);
  for (const LogStep& step : EverydayScript()) {
    ASSERT_TRUE(Perform(*opened.log, step).ok());
    std::uint64_t bytes = 0;
    const std::vector<std::string> names = disk_->List().value();
    for (const std::string& name : names)
      bytes += disk_->Open(name, {.read_only = true}).value()->Size().value();
    EXPECT_EQ(opened.log->bytes_on_disk(), bytes);
  }
}

TEST_P(LogOnDisk, ReleasedSegmentsAreRecycledAndTheRestRemoved) {
  const SegmentedLog::Opened opened = OpenLog(*disk_, kSmall);
  for (std::uint64_t index = 1; index <= 20; ++index) ASSERT_TRUE(Append(*opened.log, index, 1, 3000).ok());
  ASSERT_EQ(disk_->List().value().size(), 20U);
  ASSERT_TRUE(opened.log->ReleaseUpTo(Index{19}).ok());
  EXPECT_EQ(disk_->List().value().size(), 2U);  // The current segment and one spare.
  const LogContents contents = OpenLog(*disk_, kSmall).contents;
  EXPECT_EQ(contents.base.index, Index{19});
  EXPECT_EQ(contents.entries.size(), 1U);
}

TEST(SegmentedLog, AGroupOfWritesIsOneWriteAndOneSync) {
  SimDisk disk;
  const SegmentedLog::Opened opened = OpenLog(disk, {.segment_bytes = 1 << 20});
  const std::size_t writes = CountOf(disk, SimDisk::Kind::kWrite);
  const std::size_t syncs = CountOf(disk, SimDisk::Kind::kSync);
  std::vector<LogWrite> group;
  group.reserve(100);
  for (std::uint64_t i = 0; i < 100; ++i) group.push_back(Entries(MakeEntries(1 + i * 3, 3, 1, i * 30)));
  ASSERT_TRUE(opened.log->Write(group).ok());
  EXPECT_EQ(CountOf(disk, SimDisk::Kind::kWrite), writes + 1);
  EXPECT_EQ(CountOf(disk, SimDisk::Kind::kSync), syncs + 1);
  EXPECT_EQ(CountOf(disk, SimDisk::Kind::kSyncDirectory), 2U);  // At opening.
}

TEST(SegmentedLog, NothingToWriteCostsNoSync) {
  SimDisk disk;
  const SegmentedLog::Opened opened = OpenLog(disk, kSmall);
  const std::size_t operations = disk.operations().size();
  const LogWrite nothing{.number = WriteNumber{7}, .hard_state = {}, .entries = {}};
  ASSERT_TRUE(opened.log->Write({&nothing, 1}).ok());
  ASSERT_TRUE(opened.log->Write({}).ok());
  EXPECT_EQ(disk.operations().size(), operations);
}

TEST(SegmentedLog, RecoveredPayloadsShareOneBufferPerSegment) {
  SimDisk disk;
  {
    const SegmentedLog::Opened opened = OpenLog(disk, kScriptOptions);
    for (std::uint64_t index = 1; index <= 6; index += 2)
      ASSERT_TRUE(Append(*opened.log, index, 2, 1500).ok());
  }
  const LogContents contents = OpenLog(disk, kScriptOptions).contents;
  ASSERT_EQ(contents.entries.size(), 6U);
  EXPECT_EQ(contents.entries[0].payload.owner(), contents.entries[3].payload.owner());
  EXPECT_NE(contents.entries[0].payload.owner(), contents.entries[4].payload.owner());
}

TEST(SegmentedLog, ASpareIsPreparedAheadInSmallSteps) {
  SimDisk disk;
  constexpr std::uint64_t kSegment = 3 << 20;
  const SegmentedLog::Opened opened = OpenLog(disk, {.segment_bytes = kSegment, .spare_segments = 1});
  for (int call = 0; call < 3; ++call) ASSERT_TRUE(opened.log->PrepareSpares().ok());
  const std::size_t operations = disk.operations().size();
  ASSERT_TRUE(opened.log->PrepareSpares().ok());
  EXPECT_EQ(disk.operations().size(), operations);  // Done: one spare, and the mark is written.
  EXPECT_EQ(opened.log->bytes_on_disk(), 2 * kSegment);

  const std::size_t allocated = CountOf(disk, SimDisk::Kind::kAllocate);
  ASSERT_TRUE(Append(*opened.log, 1, 2, 1 << 20).ok());
  ASSERT_TRUE(Append(*opened.log, 3, 2, 1 << 20).ok());
  EXPECT_EQ(CountOf(disk, SimDisk::Kind::kAllocate), allocated);
}

TEST(SegmentedLog, ADiskWithoutRoomForASpareStillTakesWrites) {
  SimDisk disk;
  const SegmentedLog::Opened opened = OpenLog(disk, kSmall);
  disk.SetCapacity(8192 + 4096);
  for (int call = 0; call < 3; ++call) EXPECT_TRUE(opened.log->PrepareSpares().ok());
  EXPECT_TRUE(Append(*opened.log, 1, 1, 100).ok());
  EXPECT_EQ(disk.List().value().size(), 1U);
}

TEST(SegmentedLog, ADiskWithoutRoomForTheNameOfASpareStillTakesWrites) {
  SimDisk disk;
  const SegmentedLog::Opened opened = OpenLog(disk, kSmall);
  ASSERT_TRUE(Append(*opened.log, 1, 1, 3000).ok());
  ASSERT_TRUE(opened.log->PrepareSpares().ok());      // The mark, and a spare.
  ASSERT_TRUE(Append(*opened.log, 2, 1, 3000).ok());  // Takes it.
  const std::size_t files = disk.List().value().size();
  disk.FailAt(disk.operations().size() + 1, absl::ResourceExhaustedError("open: No space left on device"));
  EXPECT_TRUE(opened.log->PrepareSpares().ok());  // The mark, and the creation that fails.
  EXPECT_EQ(disk.operations().back().kind, SimDisk::Kind::kCreate);
  EXPECT_EQ(disk.List().value().size(), files);
  EXPECT_TRUE(Append(*opened.log, 3, 1, 100).ok());
  EXPECT_TRUE(opened.log->PrepareSpares().ok());
  EXPECT_EQ(disk.List().value().size(), files + 1);  // The next call looks again.
}

// Not even by the attempt to open it: the next one would find that and be content.
TEST(SegmentedLog, OneThatMustExistIsNotBegun) {
  SimDisk disk;
  constexpr LogOptions kMustExist{.segment_bytes = 8192, .spare_segments = 1, .must_exist = true};
  for (int opening = 0; opening < 2; ++opening) {
    const absl::Status missing = SegmentedLog::Open(disk, kMustExist).status();
    EXPECT_TRUE(absl::IsNotFound(missing)) << missing;
    EXPECT_TRUE(disk.operations().empty());
  }
  ASSERT_TRUE(OpenLog(disk, kSmall).log->PrepareSpares().ok());
  EXPECT_TRUE(SegmentedLog::Open(disk, kMustExist).ok());  // Empty, but there.
  ASSERT_TRUE(disk.Remove(SegmentName(Generation{1})).ok());
  EXPECT_FALSE(disk.List().value().empty());  // A spare is no log.
  EXPECT_FALSE(SegmentedLog::Open(disk, kMustExist).ok());
}

TEST(SegmentedLog, TheSpareIsTheReserveOfAFullDisk) {
  SimDisk disk;
  const SegmentedLog::Opened opened = OpenLog(disk, kSmall);
  ASSERT_TRUE(opened.log->PrepareSpares().ok());
  disk.SetCapacity(0);
  EXPECT_TRUE(Append(*opened.log, 1, 1, 3000).ok());
  EXPECT_TRUE(Append(*opened.log, 2, 1, 3000).ok());  // In the spare.
  const absl::Status full = Append(*opened.log, 3, 1, 3000);
  EXPECT_TRUE(absl::IsResourceExhausted(full)) << full;
  EXPECT_EQ(OpenLog(disk, kSmall).contents.entries.size(), 2U);
}

TEST(SegmentedLog, ASyncThatFailedOncePoisonsTheLog) {
  SimDisk disk;
  const SegmentedLog::Opened opened = OpenLog(disk, kSmall);
  ASSERT_TRUE(Append(*opened.log, 1, 1, 100).ok());
  disk.FailAt(disk.operations().size() + 1, absl::UnknownError("fdatasync: Input/output error"));
  const absl::Status failed = Append(*opened.log, 2, 1, 100);
  ASSERT_FALSE(failed.ok());
  const std::size_t operations = disk.operations().size();
  // The next sync would say OK for pages that are gone; so there is none.
  EXPECT_EQ(Append(*opened.log, 3, 1, 100), failed);
  EXPECT_EQ(opened.log->ReleaseUpTo(Index{1}), failed);
  EXPECT_EQ(opened.log->Reset({Term{1}, Index{9}}), failed);
  EXPECT_EQ(opened.log->PrepareSpares(), failed);
  EXPECT_EQ(disk.operations().size(), operations);
  disk.LosePower({});
  EXPECT_EQ(OpenLog(disk, kSmall).contents.entries.size(), 1U);
}

TEST(SegmentedLog, ReleaseAfterARewriteKeepsWhatIsInForce) {
  SimDisk disk;
  LogModel model;
  const std::vector<LogStep> script = {
      WriteStep{Entries(MakeEntries(1, 3, 1, 1000))},  // First segment.
      WriteStep{Entries(MakeEntries(4, 3, 1, 1000))},  // Second.
      WriteStep{Entries(MakeEntries(2, 1, 2, 1000))},  // Third: of the first segment 1 is left, of the second
                                                       // none.
      WriteStep{Entries(MakeEntries(3, 2, 2, 1000))},
      ReleaseStep{Index{1}},
  };
  {
    const SegmentedLog::Opened opened = OpenLog(disk, kSmall);
    for (const LogStep& step : script) {
      ASSERT_TRUE(Perform(*opened.log, step).ok());
      model.Apply(step);
    }
    ASSERT_TRUE(disk.Exists(SegmentName(Generation{3})));
    EXPECT_FALSE(disk.Exists(SegmentName(Generation{1})));
    EXPECT_FALSE(disk.Exists(SegmentName(Generation{2})));
  }
  const LogContents contents = OpenLog(disk, kSmall).contents;
  EXPECT_EQ(Difference(model, contents), "");
  EXPECT_EQ(contents.base, (EntryId{Term{1}, Index{1}}));
}

TEST(SegmentedLogDeathTest, AGapIsOurOwnMistake) {
  SimDisk disk;
  const SegmentedLog::Opened opened = OpenLog(disk, kSmall);
  EXPECT_DEATH((void)Append(*opened.log, 2, 1, 10), "gap: index=2 last=0");
}

}  // namespace
}  // namespace cairn::raft
