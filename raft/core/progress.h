#pragma once

#include <cstddef>
#include <cstdint>

#include "raft/base/types.h"
#include "raft/core/inflight.h"
#include "raft/core/message.h"
#include "raft/core/options.h"

namespace cairn::raft {

// What a leader knows about one peer's log, and what it may send it next.
//
//   probe      where the logs part is not known: one append under way at a time
//   replicate  the logs agree up to match: appends are pipelined within the window
//   snapshot   the peer needs what the log no longer has: nothing is sent until a snapshot arrived or failed
class Progress {
 public:
  enum class State : std::uint8_t { kProbe, kReplicate, kSnapshot };

  Progress(Index next, const CoreOptions& options)
      : next_(next), inflight_(options.max_inflight_appends, options.max_inflight_bytes) {}

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] Index match() const { return match_; }
  [[nodiscard]] Index next() const { return next_; }
  [[nodiscard]] const Inflight& inflight() const { return inflight_; }

  // Whether an append may leave now, if there is something to say.
  [[nodiscard]] bool CanSend() const;
  // Whether an append should leave although it may carry no entry: to probe, or to tell the commit index.
  [[nodiscard]] bool WantsEmpty(Index commit) const;

  // An append left: `count` entries with `bytes` of payload, following next(), carrying `commit`.
  void OnSent(std::uint64_t count, std::size_t bytes, Index commit);

  // The peer's stable log agrees with ours up to `match`. `first_usable` is the lowest previous index that
  // our log can still send from. Returns whether that was news; an old or repeated answer is not (R35).
  bool OnAccepted(Index match, Index first_usable);

  // The peer refused an append that followed `rejected`; the logs may agree at `agree` at best. Returns false
  // for a late answer that says nothing new, and for a refusal of what the peer had acknowledged: then
  // nothing changes but refuses_acknowledged(), and the next probe waits for a heartbeat.
  bool OnRejected(Index rejected, Index agree);

  // A heartbeat of the clock left: its answer may resume what is stuck.
  void OnHeartbeatSent() { may_resume_ = true; }

  // The peer is alive: a probe that was lost may be repeated, a full window lets one append through (R37,
  // R38); once for each OnHeartbeatSent(). `last` is our last index.
  void OnHeartbeatReply(Index last);

  void OnUnreachable();
  void OnSnapshotNeeded() { BecomeSnapshot(); }
  void OnSnapshotReceived(Index index);
  void OnSnapshotFailed();

  // The peer does not have what it said was on its disk: the disk lied, or was put back to an older state
  // (R49). It cannot be brought up to date by this leader, which counts it as it once was.
  [[nodiscard]] bool refuses_acknowledged() const { return refuses_acknowledged_; }

  bool recently_active = true;  // Heard from since the last quorum check; a new peer gets the benefit.
  bool active_before = false;   // recently_active as the last quorum check found it.
  ReadRound confirmed_round;    // The latest confirmation round that the peer answered.

 private:
  void BecomeProbe(Index next);
  void BecomeReplicate();
  void BecomeSnapshot();

  State state_ = State::kProbe;
  Index match_;                   // Highest index known to agree and to be durable there.
  Index next_;                    // The first entry to send. Invariant: match_ < next_.
  Index told_commit_;             // The highest commit index that an append since the last probe carried.
  bool probe_under_way_ = false;  // Probe only: wait for an answer or a heartbeat's.
  bool poke_ = true;              // Send an append even if it is empty.
  bool may_resume_ = false;       // A heartbeat of the clock was not answered yet.
  bool refuses_acknowledged_ = false;
  Inflight inflight_;  // Replicate only; empty otherwise.
};

}  // namespace cairn::raft
