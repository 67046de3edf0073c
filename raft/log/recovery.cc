#include "raft/log/recovery.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "raft/base/probe.h"
#include "raft/base/status.h"
#include "raft/log/record_reader.h"
#include "raft/log/sabotage.h"

namespace cairn::raft {
namespace {

struct Found {
  std::string name;
  std::uint64_t bytes = 0;
  SegmentHeader header;
};

absl::StatusOr<std::vector<Found>> FindSegments(Disk& disk) {
  CAIRN_ASSIGN_OR_RETURN(const std::vector<std::string> names, disk.List());
  std::vector<Found> segments;
  for (const std::string& name : names) {
    const std::optional<Generation> generation = GenerationOf(name);
    if (!generation) continue;
    CAIRN_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, disk.Open(name, {.read_only = true}));
    CAIRN_ASSIGN_OR_RETURN(const std::uint64_t bytes, file->Size());
    std::string page;
    CAIRN_RETURN_IF_ERROR(file->ReadAt(0, kSegmentHeaderBytes, page));
    absl::StatusOr<SegmentHeader> header = DecodeSegmentHeader(page);
    if (absl::IsFailedPrecondition(header.status())) return Annotate(header.status(), name);
    // The header was durable before the file got its name, so no crash explains a bad one.
    if (!header.ok()) return Corruption(name, 0, MessageOf(header.status()));
    if (header->generation != *generation) {
      return Corruption(name, 0,
                        fmt::format("the segment header is of generation {:x}", header->generation.value()));
    }
    segments.push_back({.name = name, .bytes = bytes, .header = *header});
  }
  return segments;
}

// The frames of one segment in order, as far as their headers can be followed.
struct Frames {
  struct Place {
    std::uint64_t offset;
    FrameHeader header;
  };
  std::vector<Place> chain;
  bool marked = false;                      // A mark stands behind the chain.
  std::uint64_t end = kSegmentHeaderBytes;  // Behind the chain.
  std::optional<std::string> end_damage;    // Neither a frame, nor a mark, nor the zeroes that mean the end.
  BatchNumber highest;                      // Of all valid headers of this generation, in the chain or not.
  std::uint64_t highest_at = 0;
};

void Notice(Frames& frames, std::uint64_t offset, const FrameHeader& header) {
  if (header.batch <= frames.highest) return;
  frames.highest = header.batch;
  frames.highest_at = offset;
}

// Where the chain breaks, a valid header of a later batch proves that there was more. Any place may hold it.
void SearchBehind(std::string_view file, Generation generation, Frames& frames) {
  if (Broken(LogRule::kSearchForProof)) return;
  for (std::uint64_t at = frames.end; at + kFrameHeaderBytes <= file.size(); at += kFrameAlignment) {
    const absl::StatusOr<FrameHeader> header = DecodeFrameHeader(file.substr(at));
    if (header.ok() && header->generation == generation) Notice(frames, at, *header);
  }
}

Frames FollowFrames(std::string_view file, const SegmentHeader& segment) {
  Frames frames;
  BatchNumber expected = segment.first_batch;
  while (frames.end + kFrameHeaderBytes <= file.size()) {
    const std::string_view place = file.substr(frames.end, kFrameHeaderBytes);
    const absl::StatusOr<FrameHeader> header = DecodeFrameHeader(place);
    if (!header.ok()) {
      if (place.find_first_not_of('\0') != std::string_view::npos) {
        frames.end_damage = std::string(MessageOf(header.status()));
      }
      SearchBehind(file, segment.generation, frames);
      return frames;
    }
    const bool own = header->generation == segment.generation || Broken(LogRule::kCheckGeneration);
    if (!own || header->batch != expected) {
      frames.end_damage = fmt::format("batch {} of generation {:x} where {} of {:x} belongs", header->batch,
                                      header->generation.value(), expected, segment.generation.value());
      SearchBehind(file, segment.generation, frames);
      return frames;
    }
    Notice(frames, frames.end, *header);
    if (header->kind == FrameHeader::Kind::kMark) {
      frames.marked = true;
      return frames;  // Nothing was written behind a mark.
    }
    if (header->body_bytes > file.size() || frames.end + FrameBytes(header->body_bytes) > file.size()) {
      frames.end_damage = fmt::format("batch {} goes on behind the end of the file", header->batch);
      return frames;
    }
    frames.chain.push_back({.offset = frames.end, .header = *header});
    frames.end += FrameBytes(header->body_bytes);
    expected = Next(expected);
  }
  return frames;
}

// Reads segments in order and builds up what they say.
class Replay {
 public:
  // The file up to `sealed_end`, all of which was durable when the next segment was begun.
  absl::Status ReadSealed(Disk& disk, const Found& segment, std::uint64_t sealed_end);
  // The last segment, whose last batch may be torn.
  absl::Status ReadLast(Disk& disk, const Found& segment);
  Recovery Take() && { return std::move(recovery_); }

 private:
  absl::Status Begin(const Found& segment);
  absl::Status Apply(const Found& segment, std::uint64_t offset, std::vector<Record> records);
  absl::Status Apply(Entry entry);
  absl::Status Apply(const Truncation& truncation);
  [[nodiscard]] EntryId last() const {
    return recovery_.contents.entries.empty() ? recovery_.contents.base
                                              : recovery_.contents.entries.back().id;
  }
  void KeepLastBatch(std::string_view file, const Frames& frames);
  void Cut(const Found& segment, std::uint64_t offset, std::uint64_t bytes, std::string_view what);

  Recovery recovery_;
};

// Each segment says what it follows. What does not fit was not written by us in this order: a segment is
// missing, or was put there by somebody.
absl::Status Replay::Begin(const Found& segment) {
  LogContents& contents = recovery_.contents;
  const SegmentHeader& header = segment.header;
  if (recovery_.segments.empty()) {
    contents.base = header.before;
    contents.hard_state = header.hard_state;
    recovery_.next_batch = header.first_batch;
  } else if (header.generation != Next(recovery_.segments.back().generation)) {
    return Corruption(
        segment.name, 0,
        fmt::format("the segment before it, {}, is missing", SegmentName(Previous(header.generation))));
  } else if (header.before != last() || header.hard_state != contents.hard_state ||
             header.first_batch != recovery_.next_batch) {
    return Corruption(
        segment.name, 0,
        fmt::format("it follows entry {} of term {} and batch {}, the segment before ends with entry {} "
                    "of term {} and batch {}",
                    header.before.index, header.before.term, header.first_batch, last().index, last().term,
                    recovery_.next_batch));
  }
  recovery_.segments.push_back(
      {.generation = header.generation, .bytes = segment.bytes, .last = last().index});
  return absl::OkStatus();
}

absl::Status Replay::ReadSealed(Disk& disk, const Found& segment, std::uint64_t sealed_end) {
  CAIRN_RETURN_IF_ERROR(Begin(segment));
  auto file = std::make_shared<std::string>();
  {
    CAIRN_ASSIGN_OR_RETURN(const std::unique_ptr<File> source, disk.Open(segment.name, {.read_only = true}));
    CAIRN_RETURN_IF_ERROR(source->ReadAt(0, sealed_end, *file));
  }
  if (file->size() < sealed_end) {
    return Corruption(segment.name, file->size(),
                      fmt::format("the file is cut, it went on to {}", sealed_end));
  }
  const Frames frames = FollowFrames(*file, segment.header);
  for (const auto& [offset, header] : frames.chain) {
    auto batch = ReadBatch(file, offset, header);
    if (const auto* damage = std::get_if<BatchDamage>(&batch)) {
      return Corruption(segment.name, damage->offset, damage->what);
    }
    CAIRN_RETURN_IF_ERROR(Apply(segment, offset, std::get<std::vector<Record>>(std::move(batch))));
  }
  if (frames.end != sealed_end) {
    return Corruption(segment.name, frames.end, frames.end_damage.value_or("batches are missing"));
  }
  return absl::OkStatus();
}

absl::Status Replay::ReadLast(Disk& disk, const Found& segment) {
  CAIRN_RETURN_IF_ERROR(Begin(segment));
  auto file = std::make_shared<std::string>();
  {
    CAIRN_ASSIGN_OR_RETURN(const std::unique_ptr<File> source, disk.Open(segment.name, {.read_only = true}));
    CAIRN_RETURN_IF_ERROR(source->ReadAt(0, segment.bytes, *file));
  }
  const Frames frames = FollowFrames(*file, segment.header);
  KeepLastBatch(*file, frames);
  // The entries keep the buffer; let it not be mostly what was preallocated.
  file->resize(frames.end);
  file->shrink_to_fit();

  recovery_.end = frames.end;
  for (const auto& [offset, header] : frames.chain) {
    auto batch = ReadBatch(file, offset, header);
    if (const auto* damage = std::get_if<BatchDamage>(&batch)) {
      // Batch n + 1 is written after the sync of batch n has returned, and so is a mark: whoever sees the
      // header of either, whole or not, knows that batch n was whole once.
      if (frames.highest > header.batch) return Corruption(segment.name, damage->offset, damage->what);
      Cut(segment, offset, FrameBytes(header.body_bytes), damage->what);
      return absl::OkStatus();
    }
    CAIRN_RETURN_IF_ERROR(Apply(segment, offset, std::get<std::vector<Record>>(std::move(batch))));
  }
  if (frames.highest > recovery_.next_batch) {
    return Corruption(
        segment.name, frames.end,
        fmt::format("{}; batch {} is at offset {}", frames.end_damage.value_or("batches are missing"),
                    frames.highest, frames.highest_at));
  }
  if (frames.end_damage) Cut(segment, frames.end, kFrameHeaderBytes, *frames.end_damage);
  return absl::OkStatus();
}

// What follows the batch belongs to it: in a recycled file old content would stand there.
void Replay::KeepLastBatch(std::string_view file, const Frames& frames) {
  if (frames.chain.empty() || frames.marked) return;
  const std::uint64_t offset = frames.chain.back().offset;
  const std::uint64_t end_bytes = frames.end_damage ? 0 : kFrameHeaderBytes;
  recovery_.last_batch = {.offset = offset,
                          .bytes = std::string(file.substr(offset, frames.end - offset + end_bytes))};
}

void Replay::Cut(const Found& segment, std::uint64_t offset, std::uint64_t bytes, std::string_view what) {
  CAIRN_PROBE("log_torn_tail_cut");
  recovery_.end = offset;
  recovery_.clear_tail = true;
  if (recovery_.last_batch.offset >= offset) recovery_.last_batch = {};
  recovery_.contents.cut_tail =
      fmt::format("{}: cut a batch of {} bytes at offset {} that was not written to its end: {}",
                  segment.name, bytes, offset, what);
}

// Checksums were right, so what does not fit together here was written like that.
absl::Status Replay::Apply(const Found& segment, std::uint64_t offset, std::vector<Record> records) {
  for (Record& record : records) {
    absl::Status status;
    if (auto* hard_state = std::get_if<HardState>(&record)) {
      recovery_.contents.hard_state = *hard_state;
    } else if (const auto* truncation = std::get_if<Truncation>(&record)) {
      status = Apply(*truncation);
    } else {
      status = Apply(std::get<Entry>(std::move(record)));
    }
    if (!status.ok()) return Corruption(segment.name, offset, MessageOf(status));
  }
  recovery_.segments.back().last = last().index;
  recovery_.next_batch = Next(recovery_.next_batch);
  return absl::OkStatus();
}

absl::Status Replay::Apply(Entry entry) {
  if (entry.id.index != Next(last().index) || entry.id.term < last().term) {
    return absl::InvalidArgumentError(fmt::format("entry {} of term {} follows entry {} of term {}",
                                                  entry.id.index, entry.id.term, last().index, last().term));
  }
  recovery_.contents.entries.push_back(std::move(entry));
  return absl::OkStatus();
}

absl::Status Replay::Apply(const Truncation& truncation) {
  LogContents& contents = recovery_.contents;
  const Index keep = truncation.keep.index;
  if (keep > last().index) {
    return absl::InvalidArgumentError(
        fmt::format("cut behind entry {}, but the last is {}", keep, last().index));
  }
  if (keep >= contents.base.index) {
    contents.entries.resize(keep.value() - contents.base.index.value());
  } else {
    // The segment with the entries before this one's base was released after the truncation had made them the
    // only ones left of it.
    contents.entries.clear();
    contents.base = truncation.keep;
  }
  if (last() != truncation.keep) {
    return absl::InvalidArgumentError(fmt::format("cut behind entry {} of term {}, which is of term {}", keep,
                                                  truncation.keep.term, last().term));
  }
  for (SegmentInfo& earlier : recovery_.segments) earlier.last = std::min(earlier.last, keep);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Recovery> Recover(Disk& disk) {
  CAIRN_ASSIGN_OR_RETURN(const std::vector<Found> found, FindSegments(disk));
  const auto last_reset = std::find_if(found.rbegin(), found.rend(), [](const Found& segment) {
    return segment.header.starts_anew && !Broken(LogRule::kObeyReset);
  });
  const std::size_t first =
      last_reset == found.rend() ? 0 : static_cast<std::size_t>(found.rend() - last_reset) - 1;

  Replay replay;
  const std::span<const Found> in_force = std::span(found).subspan(first);
  for (std::size_t i = 0; i < in_force.size(); ++i) {
    if (i + 1 < in_force.size()) {
      CAIRN_RETURN_IF_ERROR(replay.ReadSealed(disk, in_force[i], in_force[i + 1].header.previous_end));
    } else {
      CAIRN_RETURN_IF_ERROR(replay.ReadLast(disk, in_force[i]));
    }
  }
  Recovery recovery = std::move(replay).Take();
  for (const Found& segment : std::span(found).first(first)) {
    recovery.void_segments.push_back(
        {.generation = segment.header.generation, .bytes = segment.bytes, .last = Index{0}});
  }
  return recovery;
}

}  // namespace cairn::raft
