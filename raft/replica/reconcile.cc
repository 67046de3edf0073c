#include "raft/replica/reconcile.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "raft/base/probe.h"
#include "raft/base/status.h"

namespace cairn::raft {
namespace {

EntryId LastOf(const LogContents& contents) {
  return contents.entries.empty() ? contents.base : contents.entries.back().id;
}

// The log's entry at the index of `state`, which the log reaches.
EntryId At(const LogContents& contents, Index index) {
  if (index == contents.base.index) return contents.base;
  return contents.entries[index.value() - contents.base.index.value() - 1].id;
}

// The term on disk may be older than that of an entry already applied: both were being written when the power
// went. No vote of the newer term can have left this node (it would have been durable first), so it may be
// taken up without one.
HardState AtLeast(HardState hard_state, Term term) {
  if (hard_state.term >= term) return hard_state;
  CAIRN_PROBE("reconcile_term_behind_state");
  return {.term = term, .vote = std::nullopt};
}

}  // namespace

absl::StatusOr<RestoredState> Reconcile(LogContents contents, const SnapshotMeta& state, SegmentedLog& log) {
  if (contents.base.index > state.last.index) {
    return absl::DataLossError(
        fmt::format("the log begins after index {}, but the state stands at index {}: the entries between "
                    "are missing. Was "
                    "the state's directory replaced by an older one? Remove this member and add it anew",
                    contents.base.index, state.last.index));
  }
  const EntryId last = LastOf(contents);
  const bool reaches = last.index >= state.last.index;
  if (reaches && At(contents, state.last.index) == state.last) {
    // The usual case. Entries that the state has already stay, for followers that are behind. The
    // configuration at the state's index is the right one to begin with: entries up to there are committed,
    // so nothing falls back behind it, and a change among them ends in the same one.
    SnapshotMeta base{.last = contents.base, .config = state.config, .time = state.time};
    if (!contents.entries.empty()) base.time = std::min(base.time, contents.entries.front().time);
    const Term newest = std::max(last.term, state.last.term);
    return RestoredState{.hard_state = AtLeast(contents.hard_state, newest),
                         .base = std::move(base),
                         .entries = std::move(contents.entries),
                         .applied = state.last.index};
  }
  // The state is ahead: what the log lacks, or has otherwise, was committed by the others. What it has
  // otherwise may be of a later term: a leader of that term that replicated to nobody, whose entry lost to an
  // older one that a still later leader committed (Raft 5.4.2, Figure 8).
  CAIRN_PROBE("reconcile_state_ahead_of_log");
  CAIRN_RETURN_IF_ERROR(Annotate(log.Reset(state.last), "restarting the log after the state"));
  return RestoredState{.hard_state = AtLeast(contents.hard_state, state.last.term),
                       .base = state,
                       .entries = {},
                       .applied = state.last.index};
}

}  // namespace cairn::raft
