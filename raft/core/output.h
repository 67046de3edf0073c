#pragma once

#include <optional>
#include <vector>

#include "raft/base/types.h"
#include "raft/core/entry.h"
#include "raft/core/message.h"

namespace cairn::raft {

struct ReadReady {
  ReadToken token;
  bool confirmed = false;  // False: no leader confirmed it; ask again.
  Index index;             // Confirmed: serve the read once this index is applied here.
};

struct SnapshotNeeded {
  // Needs a snapshot; answer with SnapshotSent(). Not repeated before that answer, unless the peer was silent
  // for an election timeout or there is a new leader: then a transfer still under way has failed.
  NodeId to;
};

// Everything a core wants done, in the order in which the replica obeys. Plain data: nothing has happened
// yet.
struct Output {
  // 1. Install this snapshot: the state machine first, the log reset second, then answer with
  //    SnapshotInstalled(). The core takes no further entries until then.
  std::optional<SnapshotMeta> install;

  // 2. Start writing term and vote, and the entries, which replace the log from entries.front().id.index on.
  //    `write` is present if and only if there is something to write; answer with LogPersisted(*write), which
  //    vouches for all writes up to it.
  std::optional<WriteNumber> write;
  std::optional<HardState> hard_state;
  std::vector<Entry> entries;

  // 3. Send; need not wait for 2 (the leader replicates beside its own disk write, thesis 10.2.1).
  std::vector<Envelope> send_now;

  // 4. Send once every write asked for so far, by this Output and those before, is durable: votes and
  //    acknowledgements. `sync_point` is the last of those writes; present if and only if send_after_sync is
  //    not empty. (What has nothing to wait for is in send_now.)
  std::vector<Envelope> send_after_sync;
  std::optional<WriteNumber> sync_point;

  // 5. Apply in order; answer with Applied(index). At most CoreOptions::max_committed_bytes: while
  // HasOutput()
  //    says so there is more.
  std::vector<Entry> committed;

  // 6. Answers to ReadIndex(), each token once.
  std::vector<ReadReady> reads;

  // 7. Start sending snapshots.
  std::vector<SnapshotNeeded> snapshots_needed;

  [[nodiscard]] bool empty() const {
    return !install && !write && send_now.empty() && send_after_sync.empty() && committed.empty() &&
           reads.empty() && snapshots_needed.empty();
  }
};

}  // namespace cairn::raft
