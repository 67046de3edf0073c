#include "raft/log/recovery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "raft/base/status.h"
#include "raft/log/format.h"
#include "raft/log/segmented_log.h"
#include "tests/raft/log/log_script.h"
#include "tests/raft/log/searches.h"
#include "tests/sim/sim_disk.h"

namespace cairn::raft {
namespace {

using ::testing::HasSubstr;

constexpr LogOptions kSmall{.segment_bytes = 8192, .spare_segments = 1};

// R51, R47: the power goes at each operation; the log is one of the two that are legal.
TEST(LogCrash, EveryOperationMayBeTheLast) { EXPECT_EQ(CrashAtEveryOperation(), ""); }
TEST(LogCrash, RecoveryAndWhatFollowsMayCrashToo) { EXPECT_EQ(CrashInRecoveryToo(), ""); }
TEST(LogCrash, AfterAnErrorNothingIsAcknowledgedAndNothingIsLost) { EXPECT_EQ(FailAtEveryOperation(), ""); }
// R53, the log's part.
TEST(LogCrash, AFullDiskLosesNothing) { EXPECT_EQ(FillTheDisk(), ""); }

// R54, R48: the log's part; damage with good records behind it is an error, a torn tail is cut.
TEST(LogDamage, EveryFlippedBitIsReportedOrInTheTailThatIsCut) { EXPECT_EQ(FlipEveryBit(false), ""); }
TEST(LogDamage, EveryFlippedBitBeforeAMarkIsReported) { EXPECT_EQ(FlipEveryBit(true), ""); }
TEST(LogDamage, EverySectorOfNoiseIsReportedOrInTheTailThatIsCut) {
  EXPECT_EQ(NoiseInEverySector(false), "");
}
TEST(LogDamage, EverySectorOfNoiseBeforeAMarkIsReported) { EXPECT_EQ(NoiseInEverySector(true), ""); }
TEST(LogDamage, AMarkThatWasLostLeavesTheLastBatchInDoubt) { EXPECT_EQ(LoseTheMark(), ""); }

TEST(LogRecovery, TornTailsOfEveryLengthAreCut) { EXPECT_EQ(TearAtEveryLength(), ""); }
TEST(LogRecovery, PagesInAnyOrderAreATornTailAndACutBatchStaysCut) {
  EXPECT_EQ(PagesOfABatchThatWasCut(), "");
}
TEST(LogRecovery, PagesInAnyOrderAreNotCompletedByAnotherBatch) { EXPECT_EQ(PagesOfAnotherBatch(), ""); }
TEST(LogRecovery, RecycledSegmentsNeverShowOldRecords) { EXPECT_EQ(OldFramesInARecycledSegment(), ""); }

// Three segments, each with two entries.
std::vector<std::string> WriteSegments(SimDisk& disk) {
  const SegmentedLog::Opened opened = SegmentedLog::Open(disk, kSmall).value();
  std::vector<std::string> names;
  for (std::uint64_t index = 1; index <= 6; index += 2) {
    const LogWrite write{
        .number = WriteNumber{index}, .hard_state = {}, .entries = MakeEntries(index, 2, 1, 1500)};
    EXPECT_TRUE(opened.log->Write({&write, 1}).ok());
    names.push_back(SegmentName(Generation{index / 2 + 1}));
    EXPECT_TRUE(disk.Exists(names.back()));
  }
  return names;
}

TEST(LogRecovery, AMissingSegmentIsRot) {
  SimDisk disk;
  const std::vector<std::string> segments = WriteSegments(disk);
  ASSERT_TRUE(disk.Remove(segments[1]).ok());
  const absl::Status status = SegmentedLog::Open(disk, kSmall).status();
  EXPECT_TRUE(IsCorruption(status)) << status;
  EXPECT_THAT(std::string(MessageOf(status)), HasSubstr(segments[1] + ", is missing"));
}

TEST(LogRecovery, ASegmentUnderAnotherNameIsRot) {
  SimDisk disk;
  const std::vector<std::string> segments = WriteSegments(disk);
  disk.Put(segments[2], disk.Contents(segments[1]));
  const absl::Status status = Recover(disk).status();
  EXPECT_TRUE(IsCorruption(status)) << status;
  EXPECT_THAT(std::string(MessageOf(status)), HasSubstr(segments[2]));
}

TEST(LogRecovery, ASealedSegmentThatWasCutIsRot) {
  SimDisk disk;
  const std::vector<std::string> segments = WriteSegments(disk);
  disk.Put(segments[1], disk.Contents(segments[1]).substr(0, 5000));
  const absl::Status status = Recover(disk).status();
  EXPECT_TRUE(IsCorruption(status)) << status;
  EXPECT_THAT(std::string(MessageOf(status)), HasSubstr("offset 5000"));
}

TEST(LogRecovery, RotChangesNothingOnDisk) {
  SimDisk disk;
  const std::vector<std::string> segments = WriteSegments(disk);
  disk.FlipBit(segments[0], kSegmentHeaderBytes + 70, 1);
  const std::size_t operations = disk.operations().size();
  EXPECT_FALSE(SegmentedLog::Open(disk, kSmall).ok());
  EXPECT_EQ(disk.operations().size(), operations);
}

TEST(LogRecovery, ANewerFormatIsRefusedAndNotTakenForRot) {
  SimDisk disk;
  ASSERT_TRUE(SegmentedLog::Open(disk, kSmall).ok());
  std::string file = disk.Contents(SegmentName(Generation{1}));
  file[8] = static_cast<char>(kFormatVersion + 1);
  Seal(file.data(), kSegmentHeaderBytes);
  disk.Put(SegmentName(Generation{1}), file);
  const absl::Status status = SegmentedLog::Open(disk, kSmall).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
}

}  // namespace
}  // namespace cairn::raft
