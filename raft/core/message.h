#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "raft/base/types.h"
#include "raft/core/entry.h"
#include "raft/core/member_config.h"

namespace cairn::raft {

// A state machine's content at one index, as far as Raft cares.
struct SnapshotMeta {
  EntryId last;         // The last entry it contains; {0, 0} for a cluster's beginning.
  MemberConfig config;  // In force at `last`.
  ClusterTime time;     // Of the entry at `last`.

  friend bool operator==(const SnapshotMeta&, const SnapshotMeta&) = default;
};

using ReadToken =
    Strong<struct ReadTokenTag>;  // Chosen by whoever asks for a read index; unique in a process's life.
using ReadRound = Strong<struct ReadRoundTag>;  // Counts a leader's confirmation rounds; 0 is none.

// Pre-votes and votes (Raft §5.2, thesis 9.6). Message::term is the term asked for, which for a pre-vote is
// one above the sender's own.
struct VoteRequest {
  bool pre_vote = false;
  EntryId last_log;
  // The leader told the sender to campaign (thesis 3.10): nobody refuses for having a leader.
  bool leadership_transfer = false;
  // Pre-vote only: the sender's stream to its leader broke and was refused again.
  bool broken_stream = false;
};
struct VoteReply {
  bool pre_vote = false;
  bool granted = false;  // Message::term: the term asked for if granted, else the voter's own.
};

// Raft §5.3. `entries` follow `previous` without a gap.
struct AppendRequest {
  EntryId previous;
  std::vector<Entry> entries;
  Index commit;
  ClusterTime time;  // The leader's cluster time now.
};
struct AppendReply {
  bool accepted = false;
  // Accepted: everything up to here is on the sender's stable storage and agrees with the leader.
  Index match{};
  // Refused: AppendRequest::previous.index of the refused request; 0 if only the term was refused.
  Index rejected{};
  // Refused: the follower's last entry at or below `rejected` with a term not above that of the request's
  // `previous`; the leader goes on from there (R30).
  EntryId hint{};
};

struct HeartbeatRequest {
  Index commit;  // min(commit, match of the receiver): never makes it commit what it does not have (R42).
  ReadRound round;
  ClusterTime time;
};
struct HeartbeatReply {
  ReadRound round;  // That of the request.
};

// A follower's reads (thesis 6.4). The reply's index must be applied before the read is served.
struct ReadIndexRequest {
  ReadToken token;
};
struct ReadIndexReply {
  ReadToken token;
  bool confirmed = false;  // False: ask again; the receiver does not lead, or lost the lead while confirming.
  Index index;
};

// The leader tells the receiver to campaign at once (thesis 3.10).
struct TimeoutNow {};

// Stepped by the *receiver's* replica once all bytes of the snapshot have arrived and been checked; the
// content is not in the message. Answered with an AppendReply whose match is at least meta.last.index.
struct InstallSnapshot {
  SnapshotMeta meta;
};

struct Message {
  Term term;
  std::variant<VoteRequest, VoteReply, AppendRequest, AppendReply, HeartbeatRequest, HeartbeatReply,
               ReadIndexRequest, ReadIndexReply, TimeoutNow, InstallSnapshot>
      body;
};

struct Envelope {
  NodeId from;
  NodeId to;
  Message message;
};

}  // namespace cairn::raft
