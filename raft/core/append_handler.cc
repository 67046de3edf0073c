#include "raft/core/append_handler.h"

#include <algorithm>
#include <utility>

#include "raft/base/probe.h"

namespace cairn::raft {
namespace {

// Whether the log has the entry that the request follows. What is committed agrees with every later leader
// (leader completeness), also where the log no longer knows its term.
bool HasPrevious(const LogView& log, const EntryId& previous) {
  return previous.index <= log.commit() || log.Matches(previous);
}

void Refuse(CoreState& state, NodeId from, const EntryId& previous) {
  state.outbox.SendNow(from, state.term,
                       AppendReply{.accepted = false,
                                   .match = {},
                                   .rejected = previous.index,
                                   .hint = state.log.LastAtOrBelow(previous.index, previous.term)});
}

// Takes the entries that the log lacks. Those that agree stay, also when they reach beyond the request: an
// old, short append must not cut what a later one brought (R31, R35). Only a conflict cuts.
void TakeEntries(CoreState& state, std::vector<Entry>& entries) {
  for (Entry& entry : entries) {
    if (entry.id.index <= state.log.commit() || state.log.Matches(entry.id)) continue;
    if (entry.id.index <= state.log.last().index) {
      CAIRN_PROBE("append_cut_tail");
      state.TruncateLog(entry.id.index);
    }
    state.AppendEntry(std::move(entry));
  }
}

// Whether an entry contradicts what is committed here, or falls in term or time below the entry that it would
// follow. No correct leader sends that.
bool Contradicts(const LogView& log, const std::vector<Entry>& entries) {
  for (const Entry& entry : entries) {
    if (entry.id.index <= log.base().index) continue;
    if (log.Matches(entry.id)) continue;
    if (entry.id.index <= log.commit()) return true;
    // The first that is new; it will follow what stands before it now.
    const Index before = Previous(entry.id.index);
    const ClusterTime time = before == log.base().index ? log.base_time() : log.At(before).time;
    return entry.id.term < log.TermAt(before) || entry.time < time;
  }
  return false;
}

}  // namespace

void HandleAppendRequest(CoreState& state, NodeId from, AppendRequest request) {
  // While a snapshot is being installed the log is about to be replaced; the leader probes again later.
  if (state.installing) return;
  state.time = std::max(state.time, request.time);
  if (!HasPrevious(state.log, request.previous)) return Refuse(state, from, request.previous);
  if (Contradicts(state.log, request.entries)) {
    CAIRN_PROBE("append_contradicts_committed");
    return;
  }
  const Index vouched = Advance(request.previous.index, request.entries.size());
  TakeEntries(state, request.entries);
  // What stands beyond the last entry that this request vouches for may be a stale tail (R32).
  const Index commit = std::min(request.commit, vouched);
  if (commit > state.log.commit()) state.log.Commit(commit);
  AcknowledgeUpTo(state, from, std::max(vouched, state.log.commit()));
}

void HandleHeartbeatRequest(CoreState& state, NodeId from, const HeartbeatRequest& request) {
  state.time = std::max(state.time, request.time);
  if (!state.installing && request.commit > state.log.commit() && request.commit <= state.log.last().index) {
    state.log.Commit(request.commit);
  }
  state.outbox.SendNow(from, state.term, HeartbeatReply{.round = request.round});
}

void AcknowledgeUpTo(CoreState& state, NodeId leader, Index match) {
  state.outbox.SendAfterSync(leader, state.term, AppendReply{.accepted = true, .match = match});
}

void AnswerOldTerm(CoreState& state, NodeId to) {
  state.outbox.SendNow(to, state.term, AppendReply{.accepted = false});
}

}  // namespace cairn::raft
