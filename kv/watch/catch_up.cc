#include "kv/watch/catch_up.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "raft/base/assert.h"
#include "raft/base/probe.h"
#include "raft/base/status.h"

namespace cairn::kv {
namespace {

// Charged in such steps, so that not every event counts in memory that all streams share.
constexpr std::size_t kChargeStep = 1 << 20;

bool Matches(const Watcher& watcher, const Event& event) {
  return (event.deletion ? watcher.deletions : watcher.puts) && watcher.group->range.Contains(event.key);
}

// The parts from the history, and how far they reach. What does not match is passed over in the store but
// counts there: it would search for a rare key until it finds one, however long that takes.
absl::StatusOr<Search> FromHistory(const Search& search, const KeyRange& range, Reader& reader,
                                   const SearchLimits& limits) {
  Search read{.from = search.from};
  const Revision readable = reader.current_revision();
  CAIRN_ASSIGN_OR_RETURN(HistoryChunk chunk, reader.ReadHistory(search.from, &range,
                                                                {.revisions = limits.revisions,
                                                                 .bytes = limits.bytes,
                                                                 .revision_bytes = limits.piece_bytes}));
  // `next` may be any revision above the current one when there is no more; what matters to us is only what
  // certainly was there when we asked.
  read.end = std::min(chunk.next, std::max(RevisionId{.main = Next(readable)}, search.from));
  for (std::shared_ptr<const RevisionEvents>& events : chunk.revisions) {
    const bool whole = events->revision < chunk.next.main;
    read.end = std::max(read.end, whole ? RevisionId{.main = Next(events->revision)} : chunk.next);
    // Kept by nobody: the next watcher on this way reads for itself.
    read.parts.push_back({.slot = std::make_shared<RevisionSlot>(std::move(events), nullptr)});
  }
  CAIRN_ASSERT(read.end > search.from, "reading the history led nowhere: from={}.{} end={}.{}",
               search.from.main, search.from.sub, read.end.main, read.end.sub);
  return read;
}

bool EndsBefore(const Draft& draft, Revision revision, const SearchLimits& limits) {
  if (!draft.newest() || *draft.newest() == revision) return false;
  return draft.header() || draft.revisions() >= limits.revisions || draft.bytes() >= limits.bytes;
}

// The search has stopped inside `revision`, at next().
Step StopInside(Draft& draft, Revision revision) {
  if (draft.newest() != revision) return Step::kComplete;  // Nothing of it was chosen so far.
  if (draft.watcher().fragment || !draft.has_earlier_revisions()) return Step::kUnfinished;
  draft.DropNewestRevision();
  return Step::kComplete;
}

// Whether the response may be as large as it now is.
absl::Status CheckSize(Draft& draft, const SearchLimits& limits) {
  const std::size_t held = draft.held_bytes();
  if (held <= limits.piece_bytes) return absl::OkStatus();
  const Revision revision = *draft.newest();
  if (held > limits.response_bytes) {
    return absl::ResourceExhaustedError(fmt::format(
        "etcdserver: the events of revision {} exceed {} bytes; watch with fragments, or from revision {} on",
        revision, limits.response_bytes, Next(revision)));
  }
  if (!draft.charge().MaybeRaiseTo((held / kChargeStep + 1) * kChargeStep)) {
    return absl::ResourceExhaustedError(
        fmt::format("etcdserver: too many large watch responses are under way to send revision {}; watch "
                    "with fragments, or again later",
                    revision));
  }
  return absl::OkStatus();
}

absl::StatusOr<Step> Choose(Draft& draft, const Search& search, Reader& reader, const SearchLimits& limits) {
  const Watcher& watcher = draft.watcher();
  std::size_t added = 0;
  for (const Search::Part& part : search.parts) {
    const Revision revision = part.slot->revision();
    if (EndsBefore(draft, revision, limits)) {
      draft.GoOnAt({.main = revision});
      return Step::kComplete;
    }
    const std::vector<Event>& events = part.slot->events();
    for (std::size_t i = part.first; i < events.size() && i <= part.last; ++i) {
      if (!Matches(watcher, events[i])) continue;
      if (!watcher.fragment && added >= limits.piece_bytes) {
        CAIRN_PROBE("watch_large_response_takes_turns");
        draft.GoOnAt(events[i].id);
        return StopInside(draft, revision);
      }
      ChosenEvent event{.event = &events[i]};
      if (watcher.previous_records) {
        CAIRN_ASSIGN_OR_RETURN(event.previous_record, part.slot->PreviousRecord(reader, i));
      }
      const std::size_t bytes = EncodedSize(event);
      if (watcher.fragment && !draft.chosen().events.empty() &&
          kResponseOverhead + draft.bytes() + bytes >= limits.piece_bytes) {
        const bool more_of_it = draft.newest() == revision;
        draft.GoOnAt(more_of_it ? events[i].id : RevisionId{.main = revision});
        return more_of_it ? Step::kPiece : Step::kComplete;
      }
      draft.Add(part.slot, std::move(event), bytes);
      added += bytes;
      if (watcher.fragment) continue;
      if (absl::Status status = CheckSize(draft, limits); !status.ok()) {
        if (!draft.has_earlier_revisions()) return status;
        draft.DropNewestRevision();  // What comes before is sent first.
        return Step::kComplete;
      }
    }
  }
  draft.GoOnAt(search.end);
  return search.end.sub > 0 ? StopInside(draft, search.end.main) : Step::kComplete;
}

}  // namespace

absl::StatusOr<Step> Extend(Draft& draft, const Search& search, Reader& reader, const SearchLimits& limits) {
  if (!search.parts.empty()) return Choose(draft, search, reader, limits);
  CAIRN_ASSIGN_OR_RETURN(const Search read,
                         FromHistory(search, draft.watcher().group->range, reader, limits));
  return Choose(draft, read, reader, limits);
}

}  // namespace cairn::kv
