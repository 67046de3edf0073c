#include "raft/replica/pending.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "raft/base/assert.h"
#include "raft/base/probe.h"

namespace cairn::raft {
namespace {

// A leader that refuses for load, or a connection that is down or full, is tried this often. Meanwhile the
// queue fills up here, so that the load is felt where it comes from.
constexpr std::uint8_t kMaxOverloads = 20;

// Slots, also those that are answered and only stand behind an older one that is not.
constexpr std::size_t kWindowPerPending = 4;

}  // namespace

void PendingProposals::Add(Payload payload, ProposeDone done, std::uint64_t deadline) {
  GiveUpStuckFront();
  const bool full = count_ >= limits_.count || (count_ > 0 && bytes_ + payload.size() > limits_.bytes);
  if (full) {
    CAIRN_PROBE("replica_pending_overloaded");
    Refuse(std::move(done), MakeRaftError(RaftError::kOverloaded, "too many proposals are waiting"));
    return;
  }
  Slot slot;
  slot.state = Slot::State::kQueued;
  slot.bytes = payload.size();
  slot.deadline = deadline;
  slot.payload = std::move(payload);
  slot.done = std::move(done);
  ++count_;
  bytes_ += slot.bytes;
  queue_.push_back(first_ + slots_.size());
  slots_.push_back(std::move(slot));
}

void PendingProposals::AddSent(Term term, ProposeDone done, std::uint64_t deadline) {
  Slot slot;
  slot.state = Slot::State::kSent;
  slot.term = term;
  slot.deadline = deadline;
  slot.done = std::move(done);
  ++count_;
  slots_.push_back(std::move(slot));
}

void PendingProposals::Refuse(ProposeDone done, absl::Status status) {
  answers_.push_back({std::move(done), std::move(status)});
}

std::vector<Proposal> PendingProposals::Queued(std::size_t max_bytes) const {
  std::vector<Proposal> proposals;
  std::size_t bytes = 0;
  for (const std::uint64_t sequence : queue_) {
    const Slot& slot = At(sequence);
    if (!proposals.empty() && bytes + slot.bytes > max_bytes) break;
    bytes += slot.bytes;
    proposals.push_back({.id = {.origin = origin_, .sequence = sequence}, .payload = slot.payload});
  }
  return proposals;
}

void PendingProposals::Sent(std::size_t count, Term term, std::optional<NodeId> forwarded_to) {
  CAIRN_ASSERT(count <= queue_.size(), "sent={} queued={}", count, queue_.size());
  for (std::size_t i = 0; i < count; ++i) {
    Slot& slot = At(queue_.front());
    queue_.pop_front();
    slot.state = Slot::State::kSent;
    slot.term = term;
    slot.forwarded_to = forwarded_to;
    if (forwarded_to) {
      forwarded_bytes_ += slot.bytes;
    } else {
      slot.payload = Payload();  // The core has it.
    }
  }
}

ForwardedProposals PendingProposals::Forward(std::size_t max_bytes, Term term, NodeId leader) {
  ForwardedProposals batch{.term = term, .proposals = {}};
  for (Proposal& proposal : Queued(max_bytes)) {
    batch.proposals.emplace_back(proposal.id, std::move(proposal.payload));
  }
  Sent(batch.proposals.size(), term, leader);
  return batch;
}

bool PendingProposals::Refused(ProposalId id, Term term, RefusedFor reason) {
  if (id.origin != origin_ || !Holds(id.sequence)) return false;
  Slot& slot = At(id.sequence);
  // Only what was forwarded can be refused from afar; a peer that says otherwise is not believed.
  if (slot.state != Slot::State::kSent || !slot.forwarded_to || slot.term != term) return false;
  const bool again = reason != RefusedFor::kLoad || ++slot.overloads < kMaxOverloads;
  if (!again) {
    Fail(slot, RaftError::kOverloaded, "the leader is overloaded");
  } else {
    CAIRN_PROBE("replica_forward_retried");
    forwarded_bytes_ -= slot.bytes;
    slot.forwarded_to.reset();
    slot.state = Slot::State::kQueued;
    queue_.insert(std::lower_bound(queue_.begin(), queue_.end(), id.sequence), id.sequence);
  }
  DropFreeFront();
  return again;
}

void PendingProposals::RefuseQueued(std::size_t count, RaftError error, std::string_view detail) {
  CAIRN_ASSERT(count <= queue_.size(), "refused={} queued={}", count, queue_.size());
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t sequence = queue_.front();
    queue_.pop_front();
    Fail(At(sequence), error, detail);
  }
  DropFreeFront();
}

ProposeDone PendingProposals::Committed(const EntryId& entry, ProposalId id) {
  if (entry.term > last_committed_term_) {
    last_committed_term_ = entry.term;
    FailSentIf([&](std::uint64_t, const Slot& slot) { return slot.term < entry.term; }, RaftError::kLost,
               "the leader changed before the entry was replicated");
  }
  if (id.origin != origin_ || !Holds(id.sequence)) return nullptr;
  Slot& slot = At(id.sequence);
  if (slot.state == Slot::State::kFree) return nullptr;  // Timed out before.
  if (slot.state == Slot::State::kQueued || slot.term != entry.term) {
    // A peer refused it and had it all the same, or made the entry up. It must not be sent (again).
    CAIRN_PROBE("replica_commit_contradicts_proposal");
    ++contradictions_;
    if (slot.state == Slot::State::kQueued) std::erase(queue_, id.sequence);
    Fail(slot, RaftError::kUnknown, "another member wrote it into the log in its own way");
    DropFreeFront();
    return nullptr;
  }
  ProposeDone done = Free(slot);
  DropFreeFront();
  return done;
}

void PendingProposals::Skipped(const EntryId& last) {
  last_committed_term_ = std::max(last_committed_term_, last.term);
  FailSentIf([&](std::uint64_t, const Slot& slot) { return slot.term <= last.term; }, RaftError::kUnknown,
             "the entry may be among those that came with a snapshot");
}

void PendingProposals::ConnectionLost(NodeId peer, std::uint64_t deadline) {
  const bool concerned = std::any_of(slots_.begin(), slots_.end(), [&](const Slot& slot) {
    return slot.state == Slot::State::kSent && slot.forwarded_to == peer;
  });
  if (!concerned) return;
  lost_connections_.push_back({.peer = peer, .deadline = deadline, .before = first_ + slots_.size()});
}

void PendingProposals::GiveUpWithoutLeader() {
  RefuseQueued(queue_.size(), RaftError::kNoLeader, "no leader");
  FailSentIf([](std::uint64_t, const Slot&) { return true; }, RaftError::kUnknown, "the leader was lost");
}

void PendingProposals::Expire(std::uint64_t tick) {
  for (const LostConnection& lost : lost_connections_) {
    if (lost.deadline > tick) continue;
    FailSentIf([&](std::uint64_t sequence,
                   const Slot& slot) { return sequence < lost.before && slot.forwarded_to == lost.peer; },
               RaftError::kUnknown, "the connection to the leader was lost");
  }
  std::erase_if(lost_connections_, [&](const LostConnection& lost) { return lost.deadline <= tick; });

  // Deadlines never fall from slot to slot, so the walk ends at the first that is in the future.
  bool expired = false;
  for (Slot& slot : slots_) {
    if (slot.state == Slot::State::kFree) continue;
    if (slot.deadline > tick) break;
    if (slot.state == Slot::State::kQueued) {
      Fail(slot, RaftError::kNoLeader, "no leader took the proposal in time");
    } else {
      Fail(slot, RaftError::kTimeout, "the proposal was not committed in time");
    }
    expired = true;
  }
  if (!expired) return;
  std::erase_if(queue_, [&](std::uint64_t sequence) { return At(sequence).state == Slot::State::kFree; });
  DropFreeFront();
}

void PendingProposals::FailAll(RaftError error, std::string_view detail) {
  queue_.clear();
  for (Slot& slot : slots_) {
    if (slot.state != Slot::State::kFree) Fail(slot, error, detail);
  }
  lost_connections_.clear();
  DropFreeFront();
}

std::vector<PendingProposals::Answer> PendingProposals::TakeAnswers() { return std::exchange(answers_, {}); }

bool PendingProposals::Holds(std::uint64_t sequence) const {
  return sequence >= first_ && sequence - first_ < slots_.size();
}

ProposeDone PendingProposals::Free(Slot& slot) {
  CAIRN_ASSERT(count_ > 0 && bytes_ >= slot.bytes, "count={} bytes={} slot={}", count_, bytes_, slot.bytes);
  --count_;
  bytes_ -= slot.bytes;
  if (slot.forwarded_to) forwarded_bytes_ -= slot.bytes;
  ProposeDone done = std::move(slot.done);
  slot = Slot();
  return done;
}

void PendingProposals::Fail(Slot& slot, RaftError error, std::string_view detail) {
  answers_.push_back({Free(slot), MakeRaftError(error, detail)});
}

template <typename Predicate>
void PendingProposals::FailSentIf(Predicate matches, RaftError error, std::string_view detail) {
  std::uint64_t sequence = first_;
  for (Slot& slot : slots_) {
    if (slot.state == Slot::State::kSent && matches(sequence, slot)) Fail(slot, error, detail);
    ++sequence;
  }
  DropFreeFront();
}

void PendingProposals::GiveUpStuckFront() {
  // One forward that was lost must not be the reason to refuse everybody else until its time is up.
  while (slots_.size() >= kWindowPerPending * limits_.count) {
    CAIRN_PROBE("replica_stuck_proposal_given_up");
    if (slots_.front().state == Slot::State::kQueued) {
      RefuseQueued(1, RaftError::kOverloaded, "no leader takes it, and many wait behind it");
    } else {
      Fail(slots_.front(), RaftError::kUnknown, "nothing was heard of it while many others were answered");
      DropFreeFront();
    }
  }
}

void PendingProposals::DropFreeFront() {
  while (!slots_.empty() && slots_.front().state == Slot::State::kFree) {
    slots_.pop_front();
    ++first_;
  }
}

}  // namespace cairn::raft
