#pragma once

#include <absl/functional/any_invocable.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "kv/store/reader.h"
#include "kv/watch/watch_stream.h"

namespace cairn::kv {

// What every response header says of the answering member.
struct MemberIdentity {
  std::uint64_t cluster_id = 0;
  std::uint64_t member_id = 0;
  std::function<std::uint64_t()> raft_term;  // Thread-safe, cheap.
};

struct WatchOptions {
  std::size_t fragment_bytes =
      (1536 << 10) + (512 << 10);         // Responses from this size on are split if the watch asks.
  std::size_t ring_bytes = 32 << 20;      // Recent revisions kept for watchers that keep up.
  std::size_t previous_bytes = 16 << 20;  // Replaced records kept beside them for watchers with prev_kv.
  std::size_t catch_up_revisions = 1000;  // Whole revisions in one catch-up response.
  std::size_t catch_up_bytes = 1 << 20;   // Then a response ends after the revision that exceeds it.
  // A watch that does not ask for fragments ends with a reason when one revision makes a response larger than
  // this. Counted as held, so small events count for more than they take on the wire.
  std::size_t response_bytes = 256 << 20;
  // Of all responses together that are larger than `fragment_bytes`, until they were written; the watch for
  // whose response too little is left ends with a reason.
  std::size_t large_responses_bytes = 512 << 20;
  // Of what is left to chance: jitter, and the shape of trees, which a client must not know. Tests keep the
  // default.
  std::uint64_t seed = 1;
  std::size_t watches_per_stream = 100'000;  // One more is refused.
  std::size_t watch_bytes = 256 << 20;       // Of all watches together: their keys and what is kept of each.
  // Revisions remembered for all ranges together, about; 24 bytes each. At least 16 for each range.
  std::size_t hits = 4 << 20;
  std::size_t max_key_bytes = 1536 << 10;                                  // Key and range end of a watch.
  std::chrono::milliseconds progress_interval = std::chrono::minutes(10);  // Plus up to a tenth by chance.
};

// All watchers of a node. Thread-safe. Fed by the applier; streams are driven by their transports. The reader
// must outlive it, and it must outlive its streams.
//
// Revisions must come without a gap from Reader::current_revision() at Create() on.
class Hub : public RevisionFeed {
 public:
  static std::unique_ptr<Hub> Create(Reader& reader, MemberIdentity identity, WatchOptions options);

  // `wake` may be called from any thread, at most once for each Take() that returned nothing, never under a
  // lock of the hub, and must not block or call the stream.
  virtual std::unique_ptr<WatchStream> OpenStream(absl::AnyInvocable<void()> wake) = 0;

  // To be called about every 100 ms; sends the progress notifications that are due.
  virtual void Tick(std::chrono::steady_clock::time_point now) = 0;

  struct Counts {
    std::size_t streams = 0;
    std::size_t watchers = 0;
    std::size_t slow_watchers = 0;  // Have to search the ring or read the history.
    std::size_t ring_bytes = 0;     // Replaced records included.
    std::size_t large_response_bytes = 0;
    std::size_t watch_bytes = 0;
    std::size_t hits = 0;  // Remembered for all ranges.
  };
  [[nodiscard]] virtual Counts counts() const = 0;
};

}  // namespace cairn::kv
