#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "raft/base/status.h"
#include "raft/log/format.h"
#include "raft/log/recovery.h"
#include "raft/log/segmented_log.h"
#include "tests/raft/log/log_script.h"
#include "tests/raft/log/searches.h"
#include "tests/sim/sim_disk.h"

namespace cairn::raft {
namespace {

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

absl::Status Fill(SmallLog& log, bool marked) {
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
  CAIRN_ASSIGN_OR_RETURN(const SegmentedLog::Opened opened, SegmentedLog::Open(log.disk, kSmall));
  for (const LogStep& step : script) {
    CAIRN_RETURN_IF_ERROR(Perform(*opened.log, step));
    if (const auto* release = std::get_if<ReleaseStep>(&step)) {
      log.released = release->index;
      continue;
    }
    log.after_batch.push_back(log.after_batch.back());
    log.after_batch.back().Apply(step);
  }
  return marked ? opened.log->PrepareSpares() : absl::OkStatus();
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

// Empty if recovery answers what it has to.
std::string Disagreement(SmallLog& log, const std::string& file, const Verdict& verdict) {
  const absl::StatusOr<Recovery> recovery = Recover(log.disk);
  if (verdict.rot) {
    if (recovery.ok()) return "rot was not reported";
    std::string message(MessageOf(recovery.status()));
    const std::string before = file + ": damaged at offset ";
    if (!IsCorruption(recovery.status()) || !message.starts_with(before)) return message;
    const std::uint64_t reported = std::stoull(message.substr(before.size()));
    const bool right = verdict.rot_from <= reported && reported < verdict.rot_to;
    return right ? "" : fmt::format("reported elsewhere: {}", message);
  }
  if (!recovery.ok()) return recovery.status().ToString();
  std::string difference = Difference(log.After(verdict.kept_batches), recovery->contents);
  if (!difference.empty()) return difference;
  std::string said = recovery->contents.cut_tail.value_or("");
  if (!verdict.says_so) return said;
  const bool names_place =
      said.starts_with(file) && said.find(fmt::format("at offset {}", recovery->end)) != said.npos;
  return names_place ? "" : fmt::format("cut without naming the place: '{}'", said);
}

}  // namespace

std::string FlipEveryBit(bool marked) {
  SmallLog log;
  if (const absl::Status status = Fill(log, marked); !status.ok()) return status.ToString();
  for (const std::string& file : FilesOf(log.disk)) {
    const std::uint64_t size = log.disk.Contents(file).size();
    const std::uint64_t used = GenerationOf(file) ? FramesOf(log.disk.Contents(file)).back().end : 0;
    for (std::uint64_t offset = 0; offset < size; ++offset) {
      const Verdict verdict = Judge(log, file, offset, offset + 1, marked);
      // Every bit of what is in use behind the header page; elsewhere one bit of each byte, another each
      // time.
      const bool all = offset >= kSegmentHeaderBytes && offset < used;
      const int first = all ? 0 : static_cast<int>(offset % 8);
      const int last = all ? 7 : first;
      for (int bit = first; bit <= last; ++bit) {
        log.disk.FlipBit(file, offset, bit);
        const std::string wrong = Disagreement(log, file, verdict);
        if (!wrong.empty()) return fmt::format("{} at {} bit {}: {}", file, offset, bit, wrong);
        log.disk.FlipBit(file, offset, bit);
      }
    }
  }
  return "";
}

std::string NoiseInEverySector(bool marked) {
  SmallLog log;
  if (const absl::Status status = Fill(log, marked); !status.ok()) return status.ToString();
  constexpr std::uint64_t kSector = 512;
  for (const std::string& file : FilesOf(log.disk)) {
    const std::string intact = log.disk.Contents(file);
    for (std::uint64_t offset = 0; offset < intact.size(); offset += kSector / 8) {
      const std::uint64_t end = std::min<std::uint64_t>(offset + kSector, intact.size());
      const Verdict verdict = Judge(log, file, offset, end, marked);
      std::string noise = intact;
      for (std::uint64_t i = offset; i < end; ++i) noise[i] = static_cast<char>(~noise[i]);
      log.disk.Put(file, noise);
      const std::string wrong = Disagreement(log, file, verdict);
      if (!wrong.empty()) return fmt::format("{} at {}: {}", file, offset, wrong);
      log.disk.Put(file, intact);
    }
  }
  return "";
}

namespace {

// One torn batch behind what `script` wrote, at every length; then a second life.
std::string TearAfter(const std::vector<LogStep>& script) {
  SimDisk disk;
  LogModel model;
  LogModel with_torn;
  {
    const absl::StatusOr<SegmentedLog::Opened> opened = SegmentedLog::Open(disk, kSmall);
    if (!opened.ok()) return opened.status().ToString();
    for (const LogStep& step : script) {
      model.Apply(step);
      if (const absl::Status status = Perform(*opened->log, step); !status.ok()) return status.ToString();
    }
    const std::uint64_t next = model.last().index.value() + 1;
    const LogStep torn = Batch(MakeEntries(next, 2, 1, 150), HardState{Term{3}, NodeId{1}});
    with_torn = model;
    with_torn.Apply(torn);
    disk.CrashAt(disk.operations().size() + 1);  // The write is begun, its sync is not.
    if (Perform(*opened->log, torn).ok()) return "acknowledged without a sync";
  }
  const std::uint64_t frame = disk.unsynced_bytes() - kFrameHeaderBytes;  // Behind it, the zeroes of the end.
  for (std::uint64_t length = 0; length <= disk.unsynced_bytes(); ++length) {
    const std::string place = fmt::format("{} of {} bytes: ", length, frame);
    const std::unique_ptr<SimDisk> after = disk.Clone();
    after->LosePower({.writes = Survival::Writes::kPrefix, .prefix_bytes = length});
    absl::StatusOr<SegmentedLog::Opened> opened = SegmentedLog::Open(*after, kSmall);
    if (!opened.ok()) return place + opened.status().ToString();
    const bool whole = Difference(with_torn, opened->contents).empty();
    if (length >= frame && !whole) return place + "a whole batch was lost";
    // The frame ends with padding, which may have been zero there already.
    if (length + kFrameAlignment < frame && whole) return place + "a part was taken for the whole";
    const std::string difference = whole ? "" : Difference(model, opened->contents);
    if (!difference.empty()) return place + difference;
    if (!whole && opened->contents.cut_tail.has_value() != (length > 0))
      return place + "cut without saying so";

    LogModel next = whole ? with_torn : model;
    const LogStep more = Batch(MakeEntries(next.last().index.value() + 1, 1, 9, 20));
    next.Apply(more);
    if (const absl::Status status = Perform(*opened->log, more); !status.ok())
      return place + status.ToString();
    after->LosePower({});
    opened = SegmentedLog::Open(*after, kSmall);
    if (!opened.ok()) return place + "later: " + opened.status().ToString();
    const std::string later = Difference(next, opened->contents);
    if (!later.empty()) return fmt::format("{}later: {}", place, later);
  }
  return "";
}

}  // namespace

std::string TearAtEveryLength() {
  const std::vector<LogStep> fresh = {Batch(MakeEntries(1, 2, 1, 1700))};
  const std::vector<LogStep> recycled = {
      Batch(MakeEntries(1, 2, 1, 1700)), Batch(MakeEntries(3, 2, 1, 1700)), ReleaseStep{Index{2}},
      Batch(MakeEntries(5, 2, 1, 300)),  // In the recycled segment.
  };
  const std::string wrong = TearAfter(fresh);
  return wrong.empty() ? TearAfter(recycled) : wrong;
}

namespace {

// Attempts at batch(1), batch(2), ... as a log's first one, each torn by page, until one arrives whole.
std::string TearByPage(const std::function<LogStep(std::uint64_t)>& batch) {
  constexpr LogOptions kOptions{.segment_bytes = 64 << 10, .spare_segments = 0};
  int cut = 0;
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    SimDisk disk(/*page_bytes=*/4096);
    for (std::uint64_t attempt = 1; attempt <= 4; ++attempt) {
      const absl::StatusOr<SegmentedLog::Opened> opened = SegmentedLog::Open(disk, kOptions);
      if (!opened.ok()) return fmt::format("seed {}: {}", seed, opened.status().ToString());
      LogModel with_last;
      with_last.Apply(batch(attempt - 1));
      if (attempt > 1 && Difference(with_last, opened->contents).empty()) break;
      const std::string difference = Difference({}, opened->contents);
      if (!difference.empty()) return fmt::format("seed {} attempt {}: {}", seed, attempt, difference);
      cut += opened->contents.cut_tail.has_value() ? 1 : 0;
      disk.CrashAt(disk.operations().size() + 1);
      if (Perform(*opened->log, batch(attempt)).ok()) return "acknowledged without a sync";
      disk.LosePower({.writes = Survival::Writes::kPages, .seed = seed + attempt * 1000});
    }
  }
  return cut > 100 ? "" : "hardly any batch was torn";
}

}  // namespace

std::string PagesOfABatchThatWasCut() {
  return TearByPage([](std::uint64_t attempt) {
    return Batch(MakeEntries(1, 3, 1, 1500), HardState{Term{attempt}, NodeId{1}});
  });
}

std::string PagesOfAnotherBatch() {
  return TearByPage([](std::uint64_t attempt) {
    // The first page is full with the first four entries, so that the others stand in pages of their own.
    static_assert(kFrameHeaderBytes + kControlRecordBytes + 4 * (kEntryHeaderBytes + 928) == 4096);
    std::vector<Entry> entries = MakeEntries(1, 4, 1, 928, attempt);
    static_assert(4 * (kEntryHeaderBytes + 952) == 4096);
    for (Entry& entry : MakeEntries(5, 4, 1, 952, attempt)) entries.push_back(std::move(entry));
    return Batch(std::move(entries), HardState{Term{attempt}, NodeId{1}});
  });
}

namespace {

// An old frame moved to where the next batch belongs, if one fits.
absl::StatusOr<std::string> OldFrameAtTheEnd(const std::string& file) {
  const Generation generation = DecodeSegmentHeader(file).value().generation;
  const std::uint64_t end = FramesOf(file).back().begin;
  for (std::uint64_t at = end; at < file.size(); at += kFrameAlignment) {
    const absl::StatusOr<FrameHeader> header = DecodeFrameHeader(std::string_view(file).substr(at));
    if (!header.ok() || header->generation == generation) continue;
    const std::uint64_t bytes = FrameBytes(header->body_bytes);
    if (end + bytes > file.size() || at + bytes > file.size()) continue;
    // With the number that is expected there, so that the generation alone tells.
    FrameHeader renumbered = *header;
    renumbered.batch = BatchNumber{FramesOf(file).back().number};
    std::string moved = file;
    moved.replace(end, bytes, file.substr(at, bytes));
    EncodeFrameHeader(renumbered, moved.data() + end);
    return moved;
  }
  return absl::NotFoundError("no old frame is left in the recycled segment");
}

}  // namespace

std::string OldFramesInARecycledSegment() {
  SmallLog log;
  if (const absl::Status status = Fill(log, /*marked=*/false); !status.ok()) return status.ToString();
  const std::string last = SegmentsOf(log.disk).back();
  const absl::StatusOr<std::string> moved = OldFrameAtTheEnd(log.disk.Contents(last));
  if (!moved.ok()) return moved.status().ToString();
  log.disk.Put(last, *moved);
  const absl::StatusOr<Recovery> recovery = Recover(log.disk);
  if (!recovery.ok()) return recovery.status().ToString();
  return Difference(log.After(log.batches()), recovery->contents);
}

std::string LoseTheMark() {
  SmallLog log;
  if (const absl::Status status = Fill(log, /*marked=*/true); !status.ok()) return status.ToString();
  log.disk.LosePower({});  // The mark is not synced.
  const std::string last = SegmentsOf(log.disk).back();
  log.disk.FlipBit(last, FramesOf(log.disk.Contents(last)).back().begin - 100, 3);
  const absl::StatusOr<Recovery> recovery = Recover(log.disk);
  if (!recovery.ok()) return recovery.status().ToString();
  return Difference(log.After(log.batches() - 1), recovery->contents);
}

}  // namespace cairn::raft
