// Recovery over arbitrary segment files. What is opened has to be whole, has to take a write, and has to be
// the same after a reopen with that write added.
//
// Input: a byte of flags; the segment header, 120 bytes of its beginning and 8 of its end; the frames. With
// flag 1 the checksums of all headers are put right first, so that what is behind them is reached.
#include <cstdint>

#include "raft/base/assert.h"
#include "raft/log/format.h"
#include "raft/log/segmented_log.h"
#include "tests/fuzz/target.h"
#include "tests/raft/log/log_reseal.h"
#include "tests/raft/log/log_script.h"
#include "tests/sim/sim_disk.h"

namespace cairn::fuzz {
namespace {

using namespace raft;  // NOLINT(google-build-using-namespace): this file is about nothing else.

constexpr LogOptions kOptions{.segment_bytes = 8192, .spare_segments = 0};
constexpr std::size_t kHeaderInput = 128;
const std::string kName = SegmentName(Generation{1});

bool Run(std::string_view bytes) {
  if (bytes.size() < 1 + kHeaderInput) return false;
  const bool reseal = (bytes[0] & 1) != 0;
  bytes.remove_prefix(1);
  std::string file(kSegmentHeaderBytes, '\0');
  file.replace(0, kHeaderInput - 8, bytes.substr(0, kHeaderInput - 8));
  file.replace(kSegmentHeaderBytes - 8, 8, bytes.substr(kHeaderInput - 8, 8));
  file += bytes.substr(kHeaderInput);
  if (reseal) ResealSegment(file);
  SimDisk disk;
  disk.Put(kName, std::move(file));

  absl::StatusOr<SegmentedLog::Opened> opened = SegmentedLog::Open(disk, kOptions);
  if (!opened.ok()) return false;
  for (const Entry& entry : opened->contents.entries)
    CAIRN_ASSERT(entry.payload.Verify(), "{}", entry.id.index);
  const std::string wrong = AppendAndReopen(disk, kOptions, *std::move(opened));
  CAIRN_ASSERT(wrong.empty(), "{}", wrong);
  return true;
}

std::vector<std::string> Seeds() {
  SimDisk disk;
  const SegmentedLog::Opened opened = SegmentedLog::Open(disk, kOptions).value();
  const auto write = [&](LogWrite write) { (void)opened.log->Write({&write, 1}); };
  write({.number = {}, .hard_state = HardState{Term{1}, NodeId{2}}, .entries = MakeEntries(1, 3, 1, 20)});
  write({.number = {}, .hard_state = {}, .entries = MakeEntries(2, 2, 3, 0)});  // Rewrites.
  (void)opened.log->PrepareSpares();
  const std::string& file = disk.Contents(kName);
  const std::string input = file.substr(0, kHeaderInput - 8) + file.substr(kSegmentHeaderBytes - 8, 8 + 1024);
  return {'\0' + input, '\1' + input};
}

}  // namespace

extern const Target kLogRecords = {"log_records", Run, Seeds};

}  // namespace cairn::fuzz
