#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "raft/base/payload.h"
#include "raft/base/types.h"
#include "raft/core/core.h"
#include "raft/core/entry.h"
#include "raft/replica/group.h"
#include "raft/replica/ports.h"

namespace cairn::raft {

// The proposals of this node's clients, from their arrival to their answer.
//
// A proposal is queued (in no log: it may be sent, or refused without harm) or sent (a leader of one term was
// given it once: it may be in the log). A sent one is answered
//   - by the applier, when its entry is committed: Committed() hands the callback over;
//   - kLost, when an entry of a later term is committed first: entries of one term stand together in the log,
//     so an entry of the earlier term can no longer come (design 3.1, forwarding);
//   - kUnknown or kTimeout, when nobody will say in time.
//
// No callback is called in here: answers gather until TakeAnswers(), so a callback may propose again.
// Not thread-safe; owned by Replica.
class PendingProposals {
 public:
  struct Limits {
    std::size_t count = 0;
    std::size_t bytes = 0;
  };
  struct Answer {
    ProposeDone done;
    absl::Status status;
  };

  PendingProposals(std::uint64_t origin, const Limits& limits) : origin_(origin), limits_(limits) {}

  // Queues, or answers kOverloaded. `deadline` is in ticks. REQUIRES: deadlines never fall. An old one that
  // is stuck, with very many younger ones answered behind it, is given up for it: kUnknown, before its time.
  void Add(Payload payload, ProposeDone done, std::uint64_t deadline);

  // The id that AddSent() will use.
  [[nodiscard]] ProposalId next_id() const { return {.origin = origin_, .sequence = first_ + slots_.size()}; }

  // What was put into our own log in `term` under next_id(), past the queue.
  void AddSent(Term term, ProposeDone done, std::uint64_t deadline);

  // Answers at once, without queueing.
  void Refuse(ProposeDone done, absl::Status status);

  // The queued proposals in order of arrival, no more than `max_bytes` (but one always). They stay queued
  // until Sent().
  [[nodiscard]] std::vector<Proposal> Queued(std::size_t max_bytes) const;

  // The first `count` queued ones were given to the leader of `term`; `forwarded_to` is empty if that is this
  // node.
  void Sent(std::size_t count, Term term, std::optional<NodeId> forwarded_to);

  // Takes as many as Queued() would say, for `leader` of `term`. They are Sent().
  [[nodiscard]] ForwardedProposals Forward(std::size_t max_bytes, Term term, NodeId leader);

  // The leader of `term`, or who was taken for it, refused it: it is in no log, so it is queued again and the
  // next leader may have it; for load too often it is answered kOverloaded. A late refusal of an earlier
  // sending means nothing. Whether it is queued again.
  enum class RefusedFor : std::uint8_t { kNotLeading, kLoad };
  bool Refused(ProposalId id, Term term, RefusedFor reason);

  // The first `count` queued ones are refused for load.
  void RefuseQueued(std::size_t count, RaftError error, std::string_view detail);

  // The entry is committed: who waits for its result, if anybody does. Call for every committed entry in
  // order. What a leader wrote into it is not trusted: if it names a proposal that was not sent in its term,
  // that one is answered kUnknown, and counted in contradictions().
  ProposeDone Committed(const EntryId& entry, ProposalId id);

  // Entries up to `last` were skipped by a snapshot; what was sent in its terms may be among them.
  void Skipped(const EntryId& last);

  // The connection to `peer` was lost: what was forwarded to it is answered kUnknown unless its fate is
  // known by `deadline`.
  void ConnectionLost(NodeId peer, std::uint64_t deadline);

  // There has been no leader for too long: the queued ones certainly did not happen, the sent ones nobody
  // knows.
  void GiveUpWithoutLeader();

  void Expire(std::uint64_t tick);
  void FailAll(RaftError error, std::string_view detail);

  [[nodiscard]] std::vector<Answer> TakeAnswers();

  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] bool has_queued() const { return !queue_.empty(); }
  [[nodiscard]] std::size_t forwarded_bytes() const { return forwarded_bytes_; }
  [[nodiscard]] std::uint64_t contradictions() const { return contradictions_; }

 private:
  // Legal combinations: kFree: nothing else is set. kQueued: `done`. kSent: `done`, `term`.
  struct Slot {
    enum class State : std::uint8_t { kFree, kQueued, kSent } state = State::kFree;
    Term term;                           // Of the leader that was given it.
    std::optional<NodeId> forwarded_to;  // Empty: that leader is this node.
    std::uint8_t overloads = 0;          // Refusals for load so far.
    std::size_t bytes = 0;
    std::uint64_t deadline = 0;
    Payload payload;  // Until it is in our own log; a refused forward is sent again.
    ProposeDone done;
  };
  struct LostConnection {
    NodeId peer;
    std::uint64_t deadline;
    std::uint64_t before;  // Sequences below this one were sent before the loss.
  };

  Slot& At(std::uint64_t sequence) { return slots_[sequence - first_]; }
  [[nodiscard]] const Slot& At(std::uint64_t sequence) const { return slots_[sequence - first_]; }
  [[nodiscard]] bool Holds(std::uint64_t sequence) const;
  ProposeDone Free(Slot& slot);
  void Fail(Slot& slot, RaftError error, std::string_view detail);
  // `matches` is given (sequence, slot).
  template <typename Predicate>
  void FailSentIf(Predicate matches, RaftError error, std::string_view detail);
  void DropFreeFront();
  // Fails the oldest while the window is full.
  void GiveUpStuckFront();

  const std::uint64_t origin_;
  const Limits limits_;

  // A window over the sequence numbers: slots_[i] is that of first_ + i. The front slot is never free.
  std::deque<Slot> slots_;
  std::uint64_t first_ = 1;
  std::deque<std::uint64_t> queue_;  // Sequences of the queued slots, in order of arrival; no others.

  std::size_t count_ = 0;  // Slots that are not free.
  std::size_t bytes_ = 0;  // Their payload bytes.
  std::size_t forwarded_bytes_ = 0;
  std::uint64_t contradictions_ = 0;
  Term last_committed_term_;
  std::vector<LostConnection> lost_connections_;
  std::vector<Answer> answers_;
};

}  // namespace cairn::raft
