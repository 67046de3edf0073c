#include "kv/watch/hub.h"

#include <absl/synchronization/mutex.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "kv/watch/hub_state.h"
#include "kv/watch/stream.h"
#include "raft/base/assert.h"
#include "raft/base/probe.h"

namespace cairn::kv {
namespace {

// Hits remembered per range. A watcher further back looks through the ring, which costs time and no memory;
// so with many ranges each gets less.
constexpr std::size_t kMaxHits = 1024;
constexpr std::size_t kMinHits = 16;
std::size_t HitsPerRange(std::size_t all, std::size_t ranges) {
  return std::clamp(all / std::max<std::size_t>(ranges, 1), kMinHits, kMaxHits);
}

using Wakes = std::vector<std::shared_ptr<WakeGate>>;

void WakeIfParked(Stream& stream, Wakes& wakes) {
  if (std::shared_ptr<WakeGate> gate = stream.TakeWake(); gate != nullptr) wakes.push_back(std::move(gate));
}

void Call(const Wakes& wakes) {
  for (const std::shared_ptr<WakeGate>& wake : wakes) wake->Call();
}

// Moves everybody who waits in `group` for something up to `revision`; their cursors go to `from`, or stay
// where they are if that is later.
void ReleaseWaiting(RangeGroup& group, Revision from, Revision revision, Wakes& wakes) {
  Watcher* watcher = group.waiting.front();
  while (watcher != nullptr) {
    Watcher* const next = group.waiting.Next(*watcher);
    if (watcher->next <= revision) {
      watcher->stream.MakeReady(*watcher, std::max(watcher->next, from));
      WakeIfParked(watcher->stream, wakes);
    }
    watcher = next;
  }
}

// Keeps recent revisions in a ring, tells ranges of them, and lets streams fetch what they are ready for.
class RingHub final : public Hub {
 public:
  RingHub(Reader& reader, MemberIdentity identity, const WatchOptions& options)
      : state_(reader, std::move(identity), options) {}

  ~RingHub() override {
    absl::MutexLock lock(&state_.mu);
    CAIRN_ASSERT(state_.streams.empty(), "the hub outlives its streams: {} left", state_.streams.size());
  }

  std::unique_ptr<WatchStream> OpenStream(absl::AnyInvocable<void()> wake) override {
    return std::make_unique<Stream>(state_, std::move(wake));
  }

  void OnRevisions(std::span<const std::shared_ptr<const RevisionEvents>> revisions) override {
    std::vector<SlotRef> slots;
    slots.reserve(revisions.size());
    for (const auto& revision : revisions) {
      slots.push_back(std::make_shared<RevisionSlot>(revision, state_.previous_budget));
    }
    Wakes wakes;
    {
      absl::MutexLock lock(&state_.mu);
      for (const SlotRef& slot : slots) {
        if (!slot->complete()) {
          CAIRN_PROBE("watch_revision_not_complete");
          CAIRN_ASSERT(slot->revision() == Next(state_.ring.last()), "the feed left a gap: last={} fed={}",
                       state_.ring.last(), slot->revision());
          Forget(slot->revision(), slot->revision(), slot->within(), wakes);
          continue;
        }
        state_.ring.Push(slot);
        NoteHits(*slot, wakes);
      }
      WakeAwaiting(wakes);
    }
    Call(wakes);
  }

  void OnCompacted(Revision /*compacted*/) override {
    // Nothing to do: who keeps up is not concerned, and who does not finds out when it reads on. Until then
    // its changes may still be in the ring, and then nothing is lost.
  }

  void OnStateReplaced(Revision current, Revision /*compacted*/) override {
    Wakes wakes;
    {
      absl::MutexLock lock(&state_.mu);
      const Revision missed = Next(state_.ring.last());
      CAIRN_ASSERT(Next(current) >= missed, "the state went back: from={} to={}", state_.ring.last(),
                   current);
      if (missed > current) return;  // It brought nothing that was not fed.
      Forget(missed, current, std::nullopt, wakes);
      WakeAwaiting(wakes);
    }
    CAIRN_PROBE("watch_state_replaced");
    Call(wakes);
  }

  void Tick(std::chrono::steady_clock::time_point now) override {
    Wakes wakes;
    {
      absl::MutexLock lock(&state_.mu);
      for (Stream* const stream : state_.streams) {
        stream->Tick(now);
        WakeIfParked(*stream, wakes);
      }
    }
    Call(wakes);
  }

  [[nodiscard]] Counts counts() const override {
    absl::MutexLock lock(&state_.mu);
    Counts counts{.streams = state_.streams.size(),
                  .watchers = 0,
                  .slow_watchers = 0,
                  .ring_bytes = state_.ring.bytes() + state_.previous_budget->used(),
                  .large_response_bytes = state_.response_budget->used(),
                  .watch_bytes = state_.watch_budget->used()};
    state_.index.ForEach([&](const RangeGroup& group) { counts.hits += group.hits.size(); });
    for (const Stream* const stream : state_.streams) {
      counts.watchers += stream->watchers();
      counts.slow_watchers += stream->CountBehind();
    }
    return counts;
  }

 private:
  // What changed at revisions in [first, last] is in the history only: nobody keeps up whose range may have
  // been changed. `within` contains all that was; nothing: it may be anything.
  void Forget(Revision first, Revision last, const std::optional<KeyRange>& within, Wakes& wakes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(state_.mu) {
    state_.ring.Restart(last);
    state_.index.ForEach([&](RangeGroup& group) {
      if (within && !within->Overlaps(group.range)) return;
      group.hits.clear();
      group.floor = last;
      ReleaseWaiting(group, first, last, wakes);
    });
  }

  // Notes for every range which of the revision's events touch it, and readies its watchers.
  void NoteHits(const RevisionSlot& slot, Wakes& wakes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(state_.mu) {
    const Revision revision = slot.revision();
    const std::size_t max_hits = HitsPerRange(state_.options.hits, state_.index.size());
    for (std::size_t i = 0; i < slot.events().size(); ++i) {
      state_.index.ForEachContaining(slot.events()[i].key, [&](RangeGroup& group) {
        const auto at = static_cast<std::uint32_t>(i);
        if (!group.hits.empty() && group.hits.back().revision == revision) {
          group.hits.back().last = at;
          return;
        }
        if (group.waiting.size() == group.members) {
          group.hits.clear();  // Nobody follows them any more.
          group.floor = Previous(revision);
        } else if (group.hits.size() >= max_hits) {
          CAIRN_PROBE("watch_hits_dropped");
          const auto kept = group.hits.end() - static_cast<std::ptrdiff_t>(max_hits / 2);
          group.floor = std::prev(kept)->revision;
          group.hits = std::vector<Hit>(kept, group.hits.end());  // Into a place of its size.
        }
        group.hits.push_back({.revision = revision, .first = at, .last = at});
        ReleaseWaiting(group, revision, revision, wakes);
      });
    }
  }

  void WakeAwaiting(Wakes& wakes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(state_.mu) {
    std::erase_if(state_.awaiting_revision, [&](Stream* stream) {
      if (stream->AwaitsRevision()) return false;
      WakeIfParked(*stream, wakes);
      return true;
    });
  }

  HubState state_;
};

}  // namespace

std::unique_ptr<Hub> Hub::Create(Reader& reader, MemberIdentity identity, WatchOptions options) {
  return std::make_unique<RingHub>(reader, std::move(identity), options);
}

}  // namespace cairn::kv
