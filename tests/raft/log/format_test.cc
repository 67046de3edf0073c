#include "raft/log/format.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "raft/base/status.h"
#include "raft/log/recovery.h"
#include "raft/log/segmented_log.h"
#include "tests/raft/log/log_script.h"
#include "tests/sim/sim_disk.h"

namespace cairn::raft {
namespace {

// Bytes in hexadecimal, 16 a line; lines of zeroes are left out.
std::string Dump(std::string_view bytes) {
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += 16) {
    const std::string_view line = bytes.substr(at, 16);
    if (line.find_first_not_of('\0') == std::string_view::npos) continue;
    text += fmt::format("{:06x} ", at);
    for (const char c : line) text += fmt::format(" {:02x}", static_cast<unsigned char>(c));
    text += '\n';
  }
  return text;
}

std::string Undump(const std::string& text, std::size_t size) {
  std::string bytes(size, '\0');
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = text.find('\n', begin);
    const std::string line = text.substr(begin, end - begin);
    std::size_t at = std::stoul(line, nullptr, 16);
    for (std::size_t i = 7; i + 2 < line.size() + 1; i += 3, ++at) {
      bytes[at] = static_cast<char>(std::stoul(line.substr(i, 3), nullptr, 16));
    }
    begin = end + 1;
  }
  return bytes;
}

constexpr LogOptions kGolden{.segment_bytes = 8192, .spare_segments = 0};

std::string GoldenPath(std::string_view name) {
  return fmt::format("{}/tests/raft/log/golden/{}", CAIRN_SOURCE_DIR, name);
}

std::string ReadText(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Every kind of record, a payload that needs padding, a rewrite, and the mark; in the second segment of a
// log.
std::vector<LogStep> GoldenScript() {
  Entry command{.id = {Term{2}, Index{1}},
                .kind = EntryKind::kCommand,
                .time = ClusterTime{1234},
                .proposal = {.origin = 0xfeed, .sequence = 17},
                .payload = Payload::FromString("put k v")};
  Entry membership{.id = {Term{2}, Index{2}},
                   .kind = EntryKind::kMembership,
                   .time = ClusterTime{1235},
                   .proposal = {},
                   .payload = Payload::FromString("m")};
  Entry empty{.id = {Term{3}, Index{2}},
              .kind = EntryKind::kEmpty,
              .time = ClusterTime{1300},
              .proposal = {},
              .payload = {}};
  const LogWrite first{.number = WriteNumber{1},
                       .hard_state = HardState{Term{2}, NodeId{9}},
                       .entries = {std::move(command), std::move(membership)}};
  const LogWrite second{
      .number = WriteNumber{2}, .hard_state = HardState{Term{3}, {}}, .entries = {std::move(empty)}};
  return {ResetStep{{Term{0}, Index{0}}}, WriteStep{first}, WriteStep{second}, IdleStep{}};
}

TEST(LogFormat, GoldenFileIsWrittenAndRead) {
  SimDisk disk;
  LogModel model;
  {
    const SegmentedLog::Opened opened = SegmentedLog::Open(disk, kGolden).value();
    for (const LogStep& step : GoldenScript()) {
      ASSERT_TRUE(Perform(*opened.log, step).ok());
      model.Apply(step);
    }
  }
  const std::string name = SegmentName(Generation{2});
  const std::string path = GoldenPath("segment.hex");
  if (std::getenv("CAIRN_REWRITE_GOLDEN") != nullptr) {  // NOLINT(concurrency-mt-unsafe): one thread.
    std::ofstream(path, std::ios::binary) << Dump(disk.Contents(name));
  }
  const std::string golden = ReadText(path);
  ASSERT_EQ(Dump(disk.Contents(name)), golden)
      << "The format changed. If that is meant, raise kFormatVersion, read the old one, and rewrite the "
         "golden file "
         "with CAIRN_REWRITE_GOLDEN=1.";

  SimDisk old;
  old.Put(name, Undump(golden, 8192));
  const absl::StatusOr<SegmentedLog::Opened> opened = SegmentedLog::Open(old, kGolden);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(Difference(model, opened->contents), "");
}

TEST(LogFormat, SegmentHeadersComeBackAsTheyWent) {
  const SegmentHeader header{.generation = Generation{7},
                             .starts_anew = true,
                             .first_batch = BatchNumber{99},
                             .before = {Term{3}, Index{12}},
                             .previous_end = 8128,
                             .hard_state = {Term{4}, NodeId{2}}};
  const std::string bytes = EncodeSegmentHeader(header);
  ASSERT_EQ(bytes.size(), kSegmentHeaderBytes);
  EXPECT_EQ(DecodeSegmentHeader(bytes).value(), header);
}

TEST(LogFormat, ASegmentHeaderThatCountsRoundToZeroIsRefused) {
  SegmentHeader good;
  good.generation = Generation{1};
  good.first_batch = BatchNumber{1};
  ASSERT_TRUE(DecodeSegmentHeader(EncodeSegmentHeader(good)).ok());
  SegmentHeader bad = good;
  bad.first_batch = BatchNumber{UINT64_MAX};
  EXPECT_FALSE(DecodeSegmentHeader(EncodeSegmentHeader(bad)).ok());
  bad = good;
  bad.before.index = Index{UINT64_MAX};
  EXPECT_FALSE(DecodeSegmentHeader(EncodeSegmentHeader(bad)).ok());
  bad = good;
  bad.generation = Generation{0};
  EXPECT_FALSE(DecodeSegmentHeader(EncodeSegmentHeader(bad)).ok());
}

TEST(LogFormat, NoHeaderSurvivesAFlippedBit) {
  char frame[kFrameHeaderBytes];
  EncodeFrameHeader(
      {.generation = Generation{1}, .batch = BatchNumber{2}, .body_bytes = 128, .records = 1, .chain = 5},
      frame);
  char entry[kEntryHeaderBytes];
  EncodeEntryHeader(MakeEntry(1, 1, 0), entry);
  char control[kControlRecordBytes];
  EncodeHardState({Term{1}, NodeId{1}}, control);
  const auto flip_all = [](char* header, std::size_t size, auto decodes) {
    ASSERT_TRUE(decodes());
    for (std::size_t bit = 0; bit < size * 8; ++bit) {
      header[bit / 8] = static_cast<char>(header[bit / 8] ^ (1 << bit % 8));
      EXPECT_FALSE(decodes()) << "bit " << bit;
      header[bit / 8] = static_cast<char>(header[bit / 8] ^ (1 << bit % 8));
    }
  };
  flip_all(frame, sizeof frame, [&] { return DecodeFrameHeader({frame, sizeof frame}).ok(); });
  flip_all(entry, sizeof entry, [&] { return DecodeRecordHeader({entry, sizeof entry}).ok(); });
  flip_all(control, sizeof control, [&] { return DecodeRecordHeader({control, sizeof control}).ok(); });
}

TEST(LogFormat, NamesSortByGeneration) {
  EXPECT_EQ(SegmentName(Generation{0xa7}), "00000000000000a7.log");
  EXPECT_EQ(GenerationOf("00000000000000a7.log"), Generation{0xa7});
  EXPECT_EQ(GenerationOf("a7.log"), std::nullopt);
  EXPECT_EQ(GenerationOf("00000000000000zz.log"), std::nullopt);
  EXPECT_EQ(GenerationOf("spare-0000000000000001"), std::nullopt);
  EXPECT_EQ(SpareNumberOf(SpareName(18)), 18U);
  EXPECT_EQ(SpareNumberOf("00000000000000a7.log"), std::nullopt);
}

}  // namespace
}  // namespace cairn::raft
