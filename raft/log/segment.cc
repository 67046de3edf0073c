#include "raft/log/segment.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "raft/base/assert.h"
#include "raft/base/status.h"
#include "raft/log/sabotage.h"

namespace cairn::raft {
namespace {

absl::Status ZeroFrom(File& file, std::uint64_t begin, std::uint64_t end) {
  const std::string zeroes(std::min<std::uint64_t>(end - begin, 1 << 20), '\0');
  for (std::uint64_t at = begin; at < end; at += zeroes.size()) {
    const std::string_view piece = std::string_view(zeroes).substr(
        0, static_cast<std::size_t>(std::min<std::uint64_t>(end - at, zeroes.size())));
    CAIRN_RETURN_IF_ERROR(file.WriteAt(at, {&piece, 1}));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Segment>> Segment::Begin(Disk& disk, const std::string& spare,
                                                        const SegmentHeader& header) {
  {
    CAIRN_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, disk.Open(spare, {}));
    // A recycled file holds old frames right behind the header; zeroes there say that no batch was written
    // yet.
    const std::string encoded = EncodeSegmentHeader(header) + std::string(kFrameHeaderBytes, '\0');
    const std::string_view piece = encoded;
    CAIRN_RETURN_IF_ERROR(file->WriteAt(0, {&piece, 1}));
    // Before the rename: a segment with a name has a header. One without, or with an old one, is damage.
    if (!Broken(LogRule::kSyncHeaderBeforeRename)) CAIRN_RETURN_IF_ERROR(file->Sync());
  }
  const std::string name = SegmentName(header.generation);
  CAIRN_RETURN_IF_ERROR(disk.Rename(spare, name));
  // Before the first batch: a batch that was acknowledged in a file without a name is lost with the power.
  if (!Broken(LogRule::kSyncNameBeforeUse)) CAIRN_RETURN_IF_ERROR(disk.SyncDirectory());
  CAIRN_ASSIGN_OR_RETURN(std::unique_ptr<File> file, disk.Open(name, {}));  // Its errors carry the new name.
  CAIRN_ASSIGN_OR_RETURN(const std::uint64_t bytes, file->Size());
  return std::unique_ptr<Segment>(
      new Segment(std::move(file), header.generation, kSegmentHeaderBytes, bytes));
}

absl::StatusOr<std::unique_ptr<Segment>> Segment::Continue(Disk& disk, const Recovered& recovered) {
  CAIRN_ASSIGN_OR_RETURN(std::unique_ptr<File> file, disk.Open(SegmentName(recovered.generation), {}));
  CAIRN_ASSIGN_OR_RETURN(const std::uint64_t bytes, file->Size());
  if (recovered.clear_tail && !Broken(LogRule::kClearCutTail))
    CAIRN_RETURN_IF_ERROR(ZeroFrom(*file, recovered.end, bytes));
  // After a failed fdatasync Linux takes the pages for clean: whoever reads sees the batch, the disk has it
  // not, and the next fdatasync has nothing to do and says OK. Our predecessor may have died of just that. No
  // batch before the last one can be meant, since each was synced before the next was written.
  const auto& [offset, bytes_again] = recovered.last_batch;
  if (!bytes_again.empty() && !Broken(LogRule::kWriteFoundTailAgain)) {
    const std::string_view piece = bytes_again;
    CAIRN_RETURN_IF_ERROR(file->WriteAt(offset, {&piece, 1}));
  }
  if (!Broken(LogRule::kSyncFoundTail)) CAIRN_RETURN_IF_ERROR(file->Sync());
  return std::unique_ptr<Segment>(new Segment(std::move(file), recovered.generation, recovered.end, bytes));
}

absl::Status Segment::Append(RecordWriter& batch, BatchNumber number) {
  const std::uint64_t frame_bytes = batch.frame_bytes();
  CAIRN_ASSERT(frame_bytes <= room(), "frame={} room={}", frame_bytes, room());
  const std::uint64_t end_bytes =
      Broken(LogRule::kZeroesBehindBatch) ? 0 : std::min(kFrameHeaderBytes, room() - frame_bytes);
  CAIRN_RETURN_IF_ERROR(file_->WriteAt(end_, batch.Finish(generation_, number, end_bytes)));
  if (!Broken(LogRule::kSyncBeforeAnswer)) CAIRN_RETURN_IF_ERROR(file_->Sync());
  end_ += frame_bytes;
  marked_ = false;
  return absl::OkStatus();
}

absl::Status Segment::WriteMark(BatchNumber next) {
  if (marked_ || room() < kFrameHeaderBytes || Broken(LogRule::kWriteMark)) return absl::OkStatus();
  std::array<char, kFrameHeaderBytes> mark;
  EncodeFrameHeader({.kind = FrameHeader::Kind::kMark, .generation = generation_, .batch = next},
                    mark.data());
  const std::string_view piece(mark.data(), mark.size());
  CAIRN_RETURN_IF_ERROR(file_->WriteAt(end_, {&piece, 1}));
  marked_ = true;
  return absl::OkStatus();
}

}  // namespace cairn::raft
