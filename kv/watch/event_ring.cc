#include "kv/watch/event_ring.h"

#include <algorithm>
#include <utility>

#include "raft/base/assert.h"

namespace cairn::kv {
namespace {

// A slot, its control block and the allocation of its events, rounded up.
constexpr std::size_t kSlotOverhead = 256;

std::size_t SizeOf(const RevisionEvents& events) {
  std::size_t bytes = kSlotOverhead;
  for (const Event& event : events.events) bytes += sizeof(Event) + event.record.size();
  return bytes;
}

}  // namespace

RevisionSlot::RevisionSlot(std::shared_ptr<const RevisionEvents> events,
                           std::shared_ptr<ByteBudget> previous_budget)
    : events_(std::move(events)), previous_budget_(std::move(previous_budget)), bytes_(SizeOf(*events_)) {}

RevisionSlot::~RevisionSlot() {
  absl::MutexLock lock(&mu_);  // Nobody else is here any more; the analysis cannot know.
  if (previous_budget_ != nullptr) previous_budget_->GiveBack(taken_);
}

std::size_t RevisionSlot::IndexOf(std::int64_t sub) const {
  const auto found = std::lower_bound(events().begin(), events().end(), sub,
                                      [](const Event& event, std::int64_t at) { return event.id.sub < at; });
  return static_cast<std::size_t>(found - events().begin());
}

absl::StatusOr<std::optional<Payload>> RevisionSlot::PreviousRecord(Reader& reader, std::size_t event) const {
  const std::optional<RevisionId> previous = events()[event].previous;
  if (!previous) return std::optional<Payload>();
  {
    absl::MutexLock lock(&mu_);
    if (!previous_.empty() && previous_[event]) return *previous_[event];
  }
  absl::StatusOr<std::optional<Payload>> record = reader.RecordAt(*previous);
  if (!record.ok() || previous_budget_ == nullptr) return record;

  absl::MutexLock lock(&mu_);
  const std::size_t table = previous_.empty() ? events().size() * sizeof(previous_[0]) : 0;
  const std::size_t bytes = table + (record->has_value() ? (*record)->size() : 0);
  if (previous_budget_->MaybeTake(bytes)) {
    if (previous_.empty()) previous_.resize(events().size());
    if (previous_[event]) {
      previous_budget_->GiveBack(bytes);  // Another thread was first.
    } else {
      previous_[event] = *record;
      taken_ += bytes;
    }
  }
  return record;
}

void EventRing::Push(SlotRef slot) {
  CAIRN_ASSERT(slot->revision() == Next(last_), "the feed left a gap: last={} pushed={}", last_,
               slot->revision());
  last_ = slot->revision();
  bytes_ += slot->bytes();
  slots_.push_back(std::move(slot));
  while (bytes_ > limit_bytes_) {
    bytes_ -= slots_.front()->bytes();
    slots_.pop_front();
  }
}

void EventRing::Restart(Revision last) {
  CAIRN_ASSERT(last >= last_, "the ring went back: from={} to={}", last_, last);
  slots_.clear();
  bytes_ = 0;
  last_ = last;
}

Revision EventRing::first() const { return slots_.empty() ? Next(last_) : slots_.front()->revision(); }

const SlotRef& EventRing::At(Revision revision) const {
  CAIRN_ASSERT(Contains(revision), "revision={} first={} last={}", revision, first(), last_);
  return slots_[static_cast<std::size_t>(revision.value() - first().value())];
}

}  // namespace cairn::kv
