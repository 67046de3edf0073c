#include "kv/watch/draft.h"

#include <utility>

#include "raft/base/assert.h"

namespace cairn::kv {
namespace {

// An event that was read from the history, the allocation of its record, and its place in the response.
constexpr std::size_t kHeldOverhead = 256;

}  // namespace

void Draft::Add(const SlotRef& slot, ChosenEvent event, std::size_t bytes) {
  const RevisionId id = event.event->id;
  CAIRN_ASSERT(id >= next_, "chosen twice: {}.{} below {}.{}", id.main, id.sub, next_.main, next_.sub);
  if (newest_ != id.main) {
    newest_before_ = std::exchange(newest_, id.main);
    earlier_ = {.slots = chosen_.slots.size(), .events = chosen_.events.size(), .bytes = bytes_};
    ++revisions_;
  }
  if (chosen_.slots.empty() || chosen_.slots.back() != slot) chosen_.slots.push_back(slot);
  chosen_.events.push_back(std::move(event));
  bytes_ += bytes;
  next_ = {.main = id.main, .sub = id.sub + 1};
}

void Draft::GoOnAt(RevisionId next) {
  CAIRN_ASSERT(next >= next_, "the search goes back: {}.{} below {}.{}", next.main, next.sub, next_.main,
               next_.sub);
  next_ = next;
}

void Draft::DropNewestRevision() {
  CAIRN_ASSERT(has_earlier_revisions(), "nothing would be left of the response");
  next_ = {.main = *newest_, .sub = 0};
  newest_ = newest_before_;
  chosen_.events.erase(chosen_.events.begin() + static_cast<std::ptrdiff_t>(earlier_.events),
                       chosen_.events.end());
  chosen_.slots.resize(earlier_.slots);
  bytes_ = earlier_.bytes;
  --revisions_;
  earlier_ = {};
}

ChosenEvents Draft::TakePiece(const WatchHeader& header) {
  header_ = header;
  bytes_ = 0;
  earlier_ = {};
  return std::exchange(chosen_, {});
}

std::size_t Draft::held_bytes() const { return bytes_ + chosen_.events.size() * kHeldOverhead; }

}  // namespace cairn::kv
