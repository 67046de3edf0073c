#include "raft/log/segmented_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <utility>

#include "raft/base/assert.h"
#include "raft/base/probe.h"
#include "raft/base/status.h"
#include "raft/log/format.h"
#include "raft/log/log_tail.h"
#include "raft/log/record_writer.h"
#include "raft/log/recovery.h"
#include "raft/log/sabotage.h"
#include "raft/log/segment.h"
#include "raft/log/spare_pool.h"

namespace cairn::raft {

struct SegmentedLog::State {
  State(Disk& disk_in, SparePool pool_in, const LogContents& contents)
      : disk(disk_in),
        pool(std::move(pool_in)),
        hard_state(contents.hard_state),
        tail(contents.base, contents.entries) {}

  Disk& disk;
  SparePool pool;
  std::unique_ptr<Segment> current;
  std::deque<SegmentInfo> segments;  // Oldest first. Invariant: the last one describes `current`.
  HardState hard_state;              // As written, as `tail` is.
  LogTail tail;
  BatchNumber next_batch{1};
  RecordWriter batch;
  absl::Status failed;  // Once not OK, it stays.

  // Takes the news of an operation. What failed half-way left the disk in a state that only recovery can
  // judge.
  absl::Status Remember(absl::Status status) {
    if (!Broken(LogRule::kStayFailed)) failed = status;
    return status;
  }

  absl::Status Write(std::span<const LogWrite> writes);
  void Encode(const LogWrite& write, Index& lowest_kept);
  absl::Status BeginSegment(bool starts_anew, EntryId before, const HardState& hard_state_before,
                            std::uint64_t frame_bytes);
  absl::Status ReleaseUpTo(Index index);
  absl::Status Reset(EntryId base);
  absl::Status PrepareSpares();
};

absl::StatusOr<SegmentedLog::Opened> SegmentedLog::Open(Disk& disk, const LogOptions& options) {
  CAIRN_ASSERT(options.segment_bytes >= 2 * kSegmentHeaderBytes, "segment_bytes={}", options.segment_bytes);
  CAIRN_ASSERT(options.spare_segments >= 0, "spare_segments={}", options.spare_segments);
  CAIRN_ASSIGN_OR_RETURN(Recovery found, Recover(disk));
  if (found.segments.empty() && options.must_exist) return absl::NotFoundError("there is no segment");
  // What was found may be in the system's cache alone, if our predecessor was killed and not the machine.
  // From here on we build on it, so it is made durable first: the names here, the last segment below.
  if (!Broken(LogRule::kSyncFoundNames)) CAIRN_RETURN_IF_ERROR(disk.SyncDirectory());
  CAIRN_ASSIGN_OR_RETURN(
      SparePool pool,
      SparePool::Open(disk, RoundUp(options.segment_bytes, kSegmentHeaderBytes), options.spare_segments));
  auto state = std::make_unique<State>(disk, std::move(pool), found.contents);
  if (found.segments.empty()) {
    CAIRN_RETURN_IF_ERROR(state->BeginSegment(/*starts_anew=*/true, found.contents.base,
                                              found.contents.hard_state,
                                              /*frame_bytes=*/0));
  } else {
    state->segments.assign(found.segments.begin(), found.segments.end());
    state->next_batch = found.next_batch;
    CAIRN_ASSIGN_OR_RETURN(state->current,
                           Segment::Continue(disk, {.generation = found.segments.back().generation,
                                                    .end = found.end,
                                                    .clear_tail = found.clear_tail,
                                                    .last_batch = std::move(found.last_batch)}));
    for (const SegmentInfo& segment : found.void_segments) {
      CAIRN_RETURN_IF_ERROR(state->pool.Recycle(SegmentName(segment.generation), segment.bytes));
    }
    if (!found.void_segments.empty()) CAIRN_RETURN_IF_ERROR(disk.SyncDirectory());
  }
  Opened opened{.log = std::unique_ptr<SegmentedLog>(new SegmentedLog(std::move(state))),
                .contents = std::move(found.contents)};
  return opened;
}

SegmentedLog::SegmentedLog(std::unique_ptr<State> state) : state_(std::move(state)) {}
SegmentedLog::~SegmentedLog() = default;

absl::Status SegmentedLog::Write(std::span<const LogWrite> writes) {
  CAIRN_RETURN_IF_ERROR(state_->failed);
  return state_->Remember(state_->Write(writes));
}

absl::Status SegmentedLog::ReleaseUpTo(Index index) {
  CAIRN_RETURN_IF_ERROR(state_->failed);
  return state_->Remember(state_->ReleaseUpTo(index));
}

absl::Status SegmentedLog::Reset(EntryId base) {
  CAIRN_RETURN_IF_ERROR(state_->failed);
  return state_->Remember(state_->Reset(base));
}

absl::Status SegmentedLog::PrepareSpares() {
  CAIRN_RETURN_IF_ERROR(state_->failed);
  return state_->Remember(state_->PrepareSpares());
}

std::uint64_t SegmentedLog::bytes_on_disk() const {
  std::uint64_t bytes = state_->pool.bytes();
  for (const SegmentInfo& segment : state_->segments) bytes += segment.bytes;
  return bytes;
}

absl::Status SegmentedLog::State::Write(std::span<const LogWrite> writes) {
  const EntryId before = tail.last();
  const HardState hard_state_before = hard_state;
  Index lowest_kept = before.index;
  batch.Begin();
  for (const LogWrite& write : writes) Encode(write, lowest_kept);
  if (batch.empty()) return absl::OkStatus();

  if (batch.frame_bytes() > current->room()) {
    CAIRN_RETURN_IF_ERROR(
        BeginSegment(/*starts_anew=*/false, before, hard_state_before, batch.frame_bytes()));
  }
  CAIRN_RETURN_IF_ERROR(current->Append(batch, next_batch));
  next_batch = Next(next_batch);
  for (SegmentInfo& segment : segments) segment.last = std::min(segment.last, lowest_kept);
  segments.back().last = tail.last().index;
  return absl::OkStatus();
}

// Later records win, so the order of the writes is the order of the records.
void SegmentedLog::State::Encode(const LogWrite& write, Index& lowest_kept) {
  if (write.hard_state) {
    batch.Add(*write.hard_state);
    hard_state = *write.hard_state;
  }
  if (write.entries.empty()) return;
  const Index first = write.entries.front().id.index;
  CAIRN_ASSERT(first > tail.base().index, "rewriting what was released: index={} base={}", first,
               tail.base().index);
  if (first <= tail.last().index) {
    tail.TruncateAfter(Previous(first));
    batch.AddTruncation(tail.last());
    lowest_kept = std::min(lowest_kept, tail.last().index);
  }
  for (const Entry& entry : write.entries) {
    tail.Append(entry.id);
    batch.Add(entry);
  }
}

// `before` and `hard_state_before` are those without the batch that asks for the segment.
absl::Status SegmentedLog::State::BeginSegment(bool starts_anew, EntryId before,
                                               const HardState& hard_state_before,
                                               std::uint64_t frame_bytes) {
  const Generation generation = segments.empty() ? Generation{1} : Next(segments.back().generation);
  CAIRN_ASSIGN_OR_RETURN(const std::string spare,
                         pool.Take(RoundUp(kSegmentHeaderBytes + frame_bytes, kSegmentHeaderBytes)));
  CAIRN_ASSIGN_OR_RETURN(current, Segment::Begin(disk, spare,
                                                 {.generation = generation,
                                                  .starts_anew = starts_anew,
                                                  .first_batch = next_batch,
                                                  .before = before,
                                                  .previous_end = starts_anew ? 0 : current->end(),
                                                  .hard_state = hard_state_before}));
  segments.push_back({.generation = generation, .bytes = current->bytes(), .last = before.index});
  return absl::OkStatus();
}

// Oldest first and each one durably: recovery takes a missing segment in the middle for a loss. The current
// segment stays, whatever is in it.
absl::Status SegmentedLog::State::ReleaseUpTo(Index index) {
  CAIRN_ASSERT(index <= tail.last().index, "index={} last={}", index, tail.last().index);
  while (segments.size() > 1 && segments.front().last <= index) {
    const SegmentInfo& oldest = segments.front();
    CAIRN_RETURN_IF_ERROR(pool.Recycle(SegmentName(oldest.generation), oldest.bytes));
    if (!Broken(LogRule::kSyncRelease)) CAIRN_RETURN_IF_ERROR(disk.SyncDirectory());
    tail.ReleaseUpTo(std::max(oldest.last, tail.base().index));
    segments.pop_front();
  }
  return absl::OkStatus();
}

// The new segment says that what is before it is void, so it alone is the commit point; the old ones go in
// any order afterwards, and recovery finishes what a crash interrupts.
absl::Status SegmentedLog::State::Reset(EntryId base) {
  CAIRN_RETURN_IF_ERROR(BeginSegment(/*starts_anew=*/true, base, hard_state, /*frame_bytes=*/0));
  tail = LogTail(base, {});
  while (segments.size() > 1) {
    CAIRN_RETURN_IF_ERROR(pool.Recycle(SegmentName(segments.front().generation), segments.front().bytes));
    segments.pop_front();
  }
  return disk.SyncDirectory();
}

absl::Status SegmentedLog::State::PrepareSpares() {
  CAIRN_RETURN_IF_ERROR(current->WriteMark(next_batch));
  return pool.PrepareSlice();
}

}  // namespace cairn::raft
