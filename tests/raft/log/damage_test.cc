// What recovery says about damaged files: rot is reported with file and offset, the last batch is cut if
// nothing proves that it was whole once, and nothing damaged is ever returned.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "raft/base/status.h"
#include "raft/log/format.h"
#include "raft/log/recovery.h"
#include "raft/log/segmented_log.h"
#include "tests/raft/log/log_script.h"
#include "tests/sim/sim_disk.h"

namespace cairn::raft {
namespace {

using ::testing::HasSubstr;

constexpr LogOptions kSmall{.segment_bytes = 8192, .spare_segments = 1};

WriteStep Batch(std::vector<Entry> entries, std::optional<HardState> hard_state = {}) {
  return {{.number = WriteNumber{1}, .hard_state = hard_state, .entries = std::move(entries)}};
}

// A log of two segments, the last one recycled.
struct SmallLog {
  SimDisk disk;
  std::vector<LogModel> after_batch = {{}};  // By the number of the batch.
  Index released;

  [[nodiscard]] LogModel After(std::uint64_t batch) const {
    LogModel model = after_batch[batch];
    model.released = released;
    return model;
  }
  [[nodiscard]] std::uint64_t batches() const { return after_batch.size() - 1; }
};

void Fill(SmallLog& log, bool marked) {
  const std::vector<LogStep> script = {
      Batch({}, HardState{Term{1}, NodeId{2}}),
      Batch(MakeEntries(1, 2, 1, 100)),
      Batch(MakeEntries(3, 1, 1, 1800)),
      Batch(MakeEntries(4, 1, 1, 1000)),
      Batch(MakeEntries(5, 2, 1, 1200)),  // The second segment.
      ReleaseStep{Index{4}},              // The first becomes a spare...
      Batch(MakeEntries(7, 1, 1, 1000)),
      Batch(MakeEntries(8, 2, 1, 700)),  // ...and then the third segment.
      Batch(MakeEntries(9, 1, 2, 33)),
      Batch({MakeEntry(10, 2, 61), MakeEntry(11, 2, 0)}, HardState{Term{2}, {}}),
  };
  absl::StatusOr<SegmentedLog::Opened> opened = SegmentedLog::Open(log.disk, kSmall);
  ASSERT_TRUE(opened.ok()) << opened.status();
  for (const LogStep& step : script) {
    const absl::Status status = Perform(*opened->log, step);
    ASSERT_TRUE(status.ok()) << status;
    if (const auto* release = std::get_if<ReleaseStep>(&step)) {
      log.released = release->index;
      continue;
    }
    log.after_batch.push_back(log.after_batch.back());
    log.after_batch.back().Apply(step);
  }
  if (marked) {
    ASSERT_TRUE(opened->log->PrepareSpares().ok());
  }
}

// Where the frames of a segment are, found by their headers. The last one is the mark, or the place for it.
struct Frame {
  std::uint64_t begin;
  std::uint64_t end;
  std::uint64_t number;
  bool is_batch;
};
std::vector<Frame> FramesOf(std::string_view file) {
  const SegmentHeader segment = DecodeSegmentHeader(file).value();
  std::vector<Frame> frames;
  std::uint64_t at = kSegmentHeaderBytes;
  std::uint64_t number = segment.first_batch.value();
  for (; at < file.size(); ++number) {
    const absl::StatusOr<FrameHeader> header = DecodeFrameHeader(file.substr(at));
    if (!header.ok() || header->kind == FrameHeader::Kind::kMark) break;
    if (header->generation != segment.generation) break;
    frames.push_back({at, at + FrameBytes(header->body_bytes), number, true});
    at = frames.back().end;
  }
  frames.push_back({at, at + kFrameHeaderBytes, number, false});
  return frames;
}

std::vector<std::string> FilesOf(const SimDisk& disk) { return disk.List().value(); }

std::vector<std::string> SegmentsOf(const SimDisk& disk) {
  std::vector<std::string> names = FilesOf(disk);
  std::erase_if(names, [](const std::string& name) { return !GenerationOf(name); });
  return names;
}

// What recovery has to say when bytes [begin, end) of `file` are damaged: from the definition, not from the
// code.
struct Verdict {
  bool rot = false;
  std::uint64_t rot_from = 0;  // The offset reported lies in [rot_from, rot_to).
  std::uint64_t rot_to = 0;
  std::uint64_t kept_batches = 0;
  bool says_so = false;  // cut_tail is set.
};

Verdict Judge(const SmallLog& log, const std::string& file, std::uint64_t begin, std::uint64_t end,
              bool marked) {
  const Verdict harmless{.kept_batches = log.batches()};
  if (!GenerationOf(file)) return harmless;
  if (begin < kSegmentHeaderBytes) return {.rot = true, .rot_from = 0, .rot_to = 1};
  const bool last_segment = file == SegmentsOf(log.disk).back();
  const std::vector<Frame> frames = FramesOf(log.disk.Contents(file));
  const auto damaged = std::find_if(frames.begin(), frames.end(), [&](const Frame& frame) {
    return begin < frame.end && frame.begin < end;
  });
  if (damaged == frames.end() || (!last_segment && !damaged->is_batch)) return harmless;
  // A later header that is whole, be it that of a batch or of the mark, or a later segment.
  const bool proven = !last_segment || std::any_of(damaged + 1, frames.end(), [&](const Frame& later) {
    return (later.is_batch || marked) && (end <= later.begin || later.begin + kFrameHeaderBytes <= begin);
  });
  if (proven) return {.rot = true, .rot_from = damaged->begin, .rot_to = damaged->end};
  return {.kept_batches = damaged->number - 1, .says_so = true};
}

void ExpectVerdict(SmallLog& log, const std::string& file, const Verdict& verdict) {
  const absl::StatusOr<Recovery> recovery = Recover(log.disk);
  if (verdict.rot) {
    ASSERT_TRUE(IsCorruption(recovery.status())) << recovery.status();
    const std::string message(MessageOf(recovery.status()));
    const std::string before = file + ": damaged at offset ";
    ASSERT_EQ(message.substr(0, before.size()), before);
    const std::uint64_t reported = std::stoull(message.substr(before.size()));
    ASSERT_GE(reported, verdict.rot_from) << message;
    ASSERT_LT(reported, verdict.rot_to) << message;
    return;
  }
  ASSERT_TRUE(recovery.ok()) << recovery.status();
  ASSERT_EQ(Difference(log.After(verdict.kept_batches), recovery->contents), "");
  ASSERT_EQ(recovery->contents.cut_tail.has_value(), verdict.says_so);
  if (!verdict.says_so) return;
  ASSERT_THAT(*recovery->contents.cut_tail, HasSubstr(file));
  ASSERT_THAT(*recovery->contents.cut_tail, HasSubstr(fmt::format("at offset {}", recovery->end)));
}

class LogDamage : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Marked, LogDamage, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "Marked" : "Unmarked"; });

TEST_P(LogDamage, EveryFlippedBitIsReportedOrInTheTailThatIsCut) {
  SmallLog log;
  ASSERT_NO_FATAL_FAILURE(Fill(log, GetParam()));
  ASSERT_EQ(SegmentsOf(log.disk).size(), 2U);
  for (const std::string& file : FilesOf(log.disk)) {
    const std::uint64_t size = log.disk.Contents(file).size();
    const std::uint64_t used = GenerationOf(file) ? FramesOf(log.disk.Contents(file)).back().end : 0;
    for (std::uint64_t offset = 0; offset < size; ++offset) {
      const Verdict verdict = Judge(log, file, offset, offset + 1, GetParam());
      // Every bit of what is in use behind the header page; elsewhere one bit of each byte, another each
      // time.
      const bool all = offset >= kSegmentHeaderBytes && offset < used;
      const int first = all ? 0 : static_cast<int>(offset % 8);
      const int last = all ? 7 : first;
      for (int bit = first; bit <= last; ++bit) {
        log.disk.FlipBit(file, offset, bit);
        ASSERT_NO_FATAL_FAILURE(ExpectVerdict(log, file, verdict))
            << file << " at " << offset << " bit " << bit;
        log.disk.FlipBit(file, offset, bit);
      }
    }
  }
}

TEST_P(LogDamage, EverySectorOfNoiseIsReportedOrInTheTailThatIsCut) {
  SmallLog log;
  ASSERT_NO_FATAL_FAILURE(Fill(log, GetParam()));
  constexpr std::uint64_t kSector = 512;
  for (const std::string& file : FilesOf(log.disk)) {
    const std::string intact = log.disk.Contents(file);
    for (std::uint64_t offset = 0; offset < intact.size(); offset += kSector / 8) {
      const std::uint64_t end = std::min<std::uint64_t>(offset + kSector, intact.size());
      const Verdict verdict = Judge(log, file, offset, end, GetParam());
      std::string noise = intact;
      for (std::uint64_t i = offset; i < end; ++i) noise[i] = static_cast<char>(~noise[i]);
      log.disk.Put(file, noise);
      ASSERT_NO_FATAL_FAILURE(ExpectVerdict(log, file, verdict)) << file << " at " << offset;
      log.disk.Put(file, intact);
    }
  }
}

TEST(LogRecovery, TornTailsOfEveryLengthAreCut) {
  for (const bool recycled : {false, true}) {
    SimDisk disk;
    LogModel model;
    {
      absl::StatusOr<SegmentedLog::Opened> opened = SegmentedLog::Open(disk, kSmall);
      ASSERT_TRUE(opened.ok()) << opened.status();
      std::vector<LogStep> script = {Batch(MakeEntries(1, 2, 1, 1700))};
      if (recycled) {
        script.emplace_back(Batch(MakeEntries(3, 2, 1, 1700)));
        script.emplace_back(ReleaseStep{Index{2}});
        script.emplace_back(Batch(MakeEntries(5, 2, 1, 300)));  // In the recycled segment.
      }
      for (const LogStep& step : script) {
        model.Apply(step);
        ASSERT_TRUE(Perform(*opened->log, step).ok());
      }
      const LogStep torn = Batch(MakeEntries(recycled ? 7 : 3, 2, 1, 150), HardState{Term{3}, NodeId{1}});
      disk.CrashAt(disk.operations().size() + 1);  // The write is begun, its sync is not.
      ASSERT_FALSE(Perform(*opened->log, torn).ok());
    }
    LogModel with_torn = model;
    with_torn.Apply(Batch(MakeEntries(recycled ? 7 : 3, 2, 1, 150), HardState{Term{3}, NodeId{1}}));
    const std::uint64_t frame =
        disk.unsynced_bytes() - kFrameHeaderBytes;  // Behind it, the zeroes of the end.
    // The tail of the frame is padding, which may already have been zero there.
    const std::uint64_t padding = kFrameAlignment;
    for (std::uint64_t length = 0; length <= disk.unsynced_bytes(); ++length) {
      SCOPED_TRACE(fmt::format("recycled={} {} of {} bytes", recycled, length, frame));
      const std::unique_ptr<SimDisk> after = disk.Clone();
      after->LosePower({.writes = Survival::Writes::kPrefix, .prefix_bytes = length});
      absl::StatusOr<SegmentedLog::Opened> opened = SegmentedLog::Open(*after, kSmall);
      ASSERT_TRUE(opened.ok()) << opened.status();
      const bool whole = Difference(with_torn, opened->contents).empty();
      if (length >= frame) {
        ASSERT_TRUE(whole);
      } else if (length < frame - padding) {
        ASSERT_FALSE(whole);
      }
      if (!whole) {
        ASSERT_EQ(Difference(model, opened->contents), "");
        ASSERT_EQ(opened->contents.cut_tail.has_value(), length > 0);
      }
      // And it goes on from there.
      LogModel next = whole ? with_torn : model;
      const LogStep more = Batch(MakeEntries(next.last().index.value() + 1, 1, 9, 20));
      next.Apply(more);
      ASSERT_TRUE(Perform(*opened->log, more).ok());
      after->LosePower({});
      opened = SegmentedLog::Open(*after, kSmall);
      ASSERT_TRUE(opened.ok()) << opened.status();
      ASSERT_EQ(Difference(next, opened->contents), "");
    }
  }
}

// Two batches over many pages that differ in the first page only. A batch that was cut may not come back when
// the next one, torn as well, happens to write the pages that it lacked.
TEST(LogRecovery, PagesInAnyOrderAreATornTailAndACutBatchStaysCut) {
  constexpr LogOptions kOptions{.segment_bytes = 64 << 10, .spare_segments = 0};
  int cut = 0;
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    SimDisk disk(/*page_bytes=*/4096);
    LogModel model;
    for (std::uint64_t attempt = 0; attempt < 3; ++attempt) {
      absl::StatusOr<SegmentedLog::Opened> opened = SegmentedLog::Open(disk, kOptions);
      ASSERT_TRUE(opened.ok()) << opened.status();
      if (attempt > 0) {
        LogModel with = model;
        with.Apply(Batch(MakeEntries(1, 3, 1, 1500), HardState{Term{attempt}, NodeId{1}}));
        if (Difference(with, opened->contents).empty()) model = with;
        ASSERT_EQ(Difference(model, opened->contents), "");
        if (model.last().index == Index{3}) break;
        cut += opened->contents.cut_tail.has_value() ? 1 : 0;
      }
      disk.CrashAt(disk.operations().size() + 1);
      const LogStep batch = Batch(MakeEntries(1, 3, 1, 1500), HardState{Term{attempt + 1}, NodeId{1}});
      ASSERT_FALSE(Perform(*opened->log, batch).ok());
      disk.LosePower({.writes = Survival::Writes::kPages,
                      .names = Survival::Names::kSome,
                      .seed = seed + attempt * 1000});
    }
  }
  EXPECT_GT(cut, 100);
}

TEST(LogRecovery, AMarkThatWasLostLeavesTheLastBatchInDoubt) {
  SmallLog log;
  ASSERT_NO_FATAL_FAILURE(Fill(log, /*marked=*/true));
  log.disk.LosePower({});  // The mark is not synced.
  const std::string last = SegmentsOf(log.disk).back();
  log.disk.FlipBit(last, FramesOf(log.disk.Contents(last)).back().begin - 100, 3);
  const absl::StatusOr<Recovery> recovery = Recover(log.disk);
  ASSERT_TRUE(recovery.ok()) << recovery.status();
  EXPECT_EQ(Difference(log.After(log.batches() - 1), recovery->contents), "");
}

TEST(LogRecovery, RecycledSegmentsNeverShowOldRecords) {
  SmallLog log;
  ASSERT_NO_FATAL_FAILURE(Fill(log, /*marked=*/false));
  const std::string last = SegmentsOf(log.disk).back();
  const std::string& file = log.disk.Contents(last);
  // Given: behind the new frames the file is full of whole frames of its first life.
  int old_frames = 0;
  for (std::uint64_t at = kSegmentHeaderBytes; at < file.size(); at += kFrameAlignment) {
    const absl::StatusOr<FrameHeader> header = DecodeFrameHeader(std::string_view(file).substr(at));
    if (header.ok() && header->generation != *GenerationOf(last)) ++old_frames;
  }
  ASSERT_GT(old_frames, 0);
  // When one of them stands exactly where the next batch belongs, the log still ends there.
  const std::uint64_t end = FramesOf(file).back().begin;
  for (std::uint64_t at = end; at < file.size(); at += kFrameAlignment) {
    std::string moved = file;
    const absl::StatusOr<FrameHeader> header = DecodeFrameHeader(std::string_view(file).substr(at));
    if (!header.ok() || end + FrameBytes(header->body_bytes) > file.size()) continue;
    moved.replace(end, FrameBytes(header->body_bytes), file.substr(at, FrameBytes(header->body_bytes)));
    log.disk.Put(last, moved);
    const absl::StatusOr<Recovery> recovery = Recover(log.disk);
    ASSERT_TRUE(recovery.ok()) << recovery.status();
    EXPECT_EQ(Difference(log.After(log.batches()), recovery->contents), "");
    return;
  }
  FAIL() << "no old frame fits behind the new ones";
}

TEST(LogRecovery, AMissingSegmentIsRot) {
  SimDisk disk;
  {
    absl::StatusOr<SegmentedLog::Opened> opened = SegmentedLog::Open(disk, kSmall);
    ASSERT_TRUE(opened.ok());
    for (std::uint64_t index = 1; index <= 12; index += 2) {
      ASSERT_TRUE(Perform(*opened->log, Batch(MakeEntries(index, 2, 1, 1500))).ok());
    }
  }
  const std::vector<std::string> segments = SegmentsOf(disk);
  ASSERT_GE(segments.size(), 3U);
  ASSERT_TRUE(disk.Remove(segments[1]).ok());
  const absl::Status status = SegmentedLog::Open(disk, kSmall).status();
  EXPECT_TRUE(IsCorruption(status)) << status;
  EXPECT_THAT(std::string(MessageOf(status)), HasSubstr(segments[1] + ", is missing"));
}

TEST(LogRecovery, ASegmentUnderAnotherNameIsRot) {
  SmallLog log;
  ASSERT_NO_FATAL_FAILURE(Fill(log, false));
  const std::vector<std::string> segments = SegmentsOf(log.disk);
  log.disk.Put(segments.back(), log.disk.Contents(segments.front()));
  const absl::Status status = Recover(log.disk).status();
  EXPECT_TRUE(IsCorruption(status)) << status;
  EXPECT_THAT(std::string(MessageOf(status)), HasSubstr(segments.back()));
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
