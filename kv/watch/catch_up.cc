#include "kv/watch/catch_up.h"

#include <algorithm>
#include <utility>

#include "raft/base/assert.h"
#include "raft/base/status.h"

namespace cairn::kv {
namespace {

bool Matches(const Watcher& watcher, const Event& event) {
  return (event.deletion ? watcher.deletions : watcher.puts) && watcher.group->range.Contains(event.key);
}

// Adds what matches of one revision; returns the bytes of the records added.
absl::StatusOr<std::size_t> Choose(const Watcher& watcher, const Search::Part& part, Reader& reader,
                                   ChosenEvents& chosen) {
  const std::vector<Event>& events = part.slot->events();
  const std::size_t before = chosen.events.size();
  std::size_t bytes = 0;
  for (std::size_t i = part.first; i < events.size() && i <= part.last; ++i) {
    if (!Matches(watcher, events[i])) continue;
    ChosenEvent event{.event = &events[i]};
    if (watcher.previous_records) {
      CAIRN_ASSIGN_OR_RETURN(event.previous_record, part.slot->PreviousRecord(reader, i));
    }
    bytes += events[i].record.size() + (event.previous_record ? event.previous_record->size() : 0);
    chosen.events.push_back(std::move(event));
  }
  if (chosen.events.size() > before) chosen.slots.push_back(part.slot);
  return bytes;
}

// The parts from the history, and how far they reach. Asks for all changes, not only for those of the range:
// the store would search for a rare key until it finds one, however long that takes, and the limits bound
// what is read only if everything counts.
absl::StatusOr<Search> FromHistory(const Search& search, Reader& reader, const SearchLimits& limits) {
  Search read{.watcher = search.watcher, .from = search.from, .behind = true};
  const Revision readable = reader.current_revision();
  CAIRN_ASSIGN_OR_RETURN(HistoryChunk chunk,
                         reader.ReadHistory(search.from, nullptr, limits.revisions, limits.bytes));
  // `next` may be any revision above the current one when there is no more; what matters to us is only what
  // certainly was there when we asked.
  Revision next = std::min(chunk.next, std::max(Next(readable), search.from));
  for (std::shared_ptr<const RevisionEvents>& events : chunk.revisions) {
    next = std::max(next, Next(events->revision));
    // Kept by nobody: the next watcher on this way reads for itself.
    read.parts.push_back({.slot = std::make_shared<RevisionSlot>(std::move(events), nullptr)});
  }
  read.searched = Previous(next);
  return read;
}

absl::StatusOr<Found> Choose(const Search& search, Reader& reader, const SearchLimits& limits) {
  Found found{.next = Next(search.searched)};
  std::size_t bytes = 0;
  std::size_t revisions = 0;
  for (const Search::Part& part : search.parts) {
    if (revisions >= limits.revisions || (revisions > 0 && bytes >= limits.bytes)) {
      found.next = part.slot->revision();
      break;
    }
    const std::size_t before = found.chosen.events.size();
    CAIRN_ASSIGN_OR_RETURN(const std::size_t added, Choose(*search.watcher, part, reader, found.chosen));
    if (found.chosen.events.size() == before) continue;
    bytes += added;
    ++revisions;
    found.last = part.slot->revision();
  }
  return found;
}

}  // namespace

absl::StatusOr<Found> Execute(const Search& search, Reader& reader, const SearchLimits& limits) {
  if (!search.parts.empty()) return Choose(search, reader, limits);
  CAIRN_ASSIGN_OR_RETURN(const Search read, FromHistory(search, reader, limits));
  CAIRN_ASSERT(read.searched >= search.from, "reading the history led nowhere: from={} searched={}",
               search.from, read.searched);
  return Choose(read, reader, limits);
}

}  // namespace cairn::kv
