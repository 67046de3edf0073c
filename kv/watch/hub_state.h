#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/container/flat_hash_set.h>
#include <absl/synchronization/mutex.h>

#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "kv/store/reader.h"
#include "kv/watch/event_ring.h"
#include "kv/watch/hub.h"
#include "kv/watch/range_index.h"
#include "kv/watch/response.h"
#include "kv/watch/watcher.h"
#include "raft/base/rng.h"

namespace cairn::kv {

class Stream;

// What the feed and the streams share, under one lock that is never held across a read of the store, the
// building of a response, or a call of `wake`.
struct HubState {
  HubState(Reader& with_reader, MemberIdentity with_identity, const WatchOptions& with_options)
      : reader(with_reader),
        identity(std::move(with_identity)),
        options(with_options),
        previous_budget(std::make_shared<ByteBudget>(options.previous_bytes)),
        response_budget(std::make_shared<ByteBudget>(options.large_responses_bytes)),
        watch_budget(std::make_shared<ByteBudget>(options.watch_bytes)),
        ring(options.ring_bytes, reader.current_revision()),
        index(options.seed),
        jitter(options.seed) {}

  // For a response that is made now. Not to be called under the lock.
  [[nodiscard]] WatchHeader Header(Revision revision) const {
    return {.cluster_id = identity.cluster_id,
            .member_id = identity.member_id,
            .raft_term = identity.raft_term(),
            .revision = revision};
  }

  // Whether who goes on at `next` has to search, because the hits it would follow are gone or their events
  // are.
  [[nodiscard]] bool IsBehind(const RangeGroup& group, Revision next) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
    return next <= group.floor || next < ring.first();
  }
  [[nodiscard]] bool IsBehind(const Watcher& watcher) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
    return IsBehind(*watcher.group, watcher.next);
  }

  // Up to a tenth more than asked for, so that streams that began together do not stay together.
  [[nodiscard]] std::chrono::milliseconds NextProgressInterval() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
    const std::chrono::milliseconds interval = options.progress_interval;
    return interval +
           std::chrono::milliseconds(jitter.Below(static_cast<std::uint64_t>(interval.count()) / 10 + 1));
  }

  Reader& reader;
  const MemberIdentity identity;
  const WatchOptions options;
  const std::shared_ptr<ByteBudget> previous_budget;
  const std::shared_ptr<ByteBudget> response_budget;
  const std::shared_ptr<ByteBudget> watch_budget;

  mutable absl::Mutex mu;
  EventRing ring ABSL_GUARDED_BY(mu);  // ring.last() is the hub's revision: everything up to it was fed.
  RangeIndex index ABSL_GUARDED_BY(mu);
  absl::flat_hash_set<Stream*> streams ABSL_GUARDED_BY(mu);
  Rng jitter ABSL_GUARDED_BY(mu);
  std::vector<Stream*> awaiting_revision ABSL_GUARDED_BY(mu);  // Their progress is of a revision not yet fed.
};

}  // namespace cairn::kv
