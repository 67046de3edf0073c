#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "raft/core/entry.h"
#include "raft/log/disk.h"
#include "raft/log/segmented_log.h"

// Calls of the log as values, and what a log has to hold after them: the tests run a script, pull the plug
// somewhere, and compare.
namespace cairn::raft {

// Its payload is filled with bytes that depend on index, term and `salt`, so that no entry is like another.
Entry MakeEntry(std::uint64_t index, std::uint64_t term, std::size_t payload_bytes, std::uint64_t salt = 0);
// Entries first, first + 1, ... of one term.
std::vector<Entry> MakeEntries(std::uint64_t first, std::size_t count, std::uint64_t term,
                               std::size_t payload_bytes, std::uint64_t salt = 0);

struct ReleaseStep {
  Index index;
};
struct ResetStep {
  EntryId base;
};
struct IdleStep {};
using WriteStep = std::vector<LogWrite>;
using LogStep = std::variant<WriteStep, ReleaseStep, ResetStep, IdleStep>;

absl::Status Perform(SegmentedLog& log, const LogStep& step);

// What a log has to hold: kept by hand, without segments, files or checksums.
struct LogModel {
  HardState hard_state;
  EntryId base;                // Of the last reset.
  std::vector<Entry> entries;  // Everything behind base, released or not.
  Index released;

  void Apply(const LogStep& step);
  [[nodiscard]] EntryId last() const { return entries.empty() ? base : entries.back().id; }
};

// Empty if `contents` is what `model` demands: all entries that were not released, perhaps some that were,
// and nothing else; otherwise the difference in words.
std::string Difference(const LogModel& model, const LogContents& contents);

// One entry more, and another recovery: what was `opened` and the entry are there, or the difference in
// words.
std::string AppendAndReopen(Disk& disk, const LogOptions& options, SegmentedLog::Opened opened);

// Appends, rewrites, hard states, releases and resets, over several segments of `kScriptSegmentBytes`, with
// batches from one small record to larger than a segment.
inline constexpr std::uint64_t kScriptSegmentBytes = 12288;
std::vector<LogStep> EverydayScript();
// What a node goes on with after it recovered `model`; reaches into a new segment.
std::vector<LogStep> Continuation(const LogModel& model);

}  // namespace cairn::raft
