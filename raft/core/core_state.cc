#include "raft/core/core_state.h"

#include <algorithm>
#include <utility>

#include "raft/base/assert.h"
#include "raft/base/status.h"

namespace cairn::raft {
namespace {

MemberConfig ConfigOf(const Entry& entry) {
  absl::StatusOr<Membership> membership = DecodeMembership(entry.payload.bytes());
  CAIRN_ASSERT(membership.ok(), "index={}: {}", entry.id.index, MessageOf(membership.status()));
  return std::move(membership->config);
}

}  // namespace

CoreState::CoreState(const CoreOptions& core_options, RestoredState restored)
    : options(core_options),
      rng(core_options.seed),
      term(restored.hard_state.term),
      vote(restored.hard_state.vote),
      written_hard_state(restored.hard_state),
      log(restored.base.last, restored.base.time, std::move(restored.entries), restored.applied),
      configs(restored.base.last.index, std::move(restored.base.config)),
      writes(log.last().index),
      handed_out(restored.applied),
      applied(restored.applied),
      time(log.last_time()),
      timer(core_options.election_ticks, rng),
      forwarded_reads(ReadToken{rng.Next()}, core_options.max_pending_reads),
      outbox(core_options.self) {
  CAIRN_ASSERT(self() != NodeId{}, "0 is not a member id");
  CAIRN_ASSERT(options.heartbeat_ticks > 0, "heartbeat_ticks={}", options.heartbeat_ticks);
  CAIRN_ASSERT(options.election_ticks > options.heartbeat_ticks, "election_ticks={} heartbeat_ticks={}",
               options.election_ticks, options.heartbeat_ticks);
  for (Index index = Next(log.base().index); index <= log.last().index; index = Next(index)) {
    const Entry& entry = log.At(index);
    if (entry.kind == EntryKind::kMembership) configs.Add(index, ConfigOf(entry));
  }
  // The store may be ahead of the log after a crash: entries are applied before they are durable here. Then
  // the hard state that came with them is lost as well, and so nothing was ever promised in that term.
  if (log.last().term > term) {
    term = log.last().term;
    vote.reset();
  }
}

std::optional<NodeId> CoreState::known_leader() const {
  if (leader() != nullptr) return self();
  return follower() != nullptr ? follower()->leader : std::nullopt;
}

void CoreState::AppendEntry(Entry entry) {
  time = std::max(time, entry.time);
  if (entry.kind == EntryKind::kMembership) configs.Add(entry.id.index, ConfigOf(entry));
  log.Append(std::move(entry));
}

void CoreState::TruncateLog(Index from) {
  log.Truncate(from);
  writes.Void(from);
  configs.Truncate(from);
}

}  // namespace cairn::raft
