#pragma once

#include <compare>
#include <cstdint>
#include <optional>

#include "raft/base/payload.h"
#include "raft/base/types.h"

namespace cairn::raft {

// Where an entry stands and who put it there. Two logs that agree on an id agree on everything before it
// (Raft §5.3).
struct EntryId {
  Term term;
  Index index;

  friend bool operator==(const EntryId&, const EntryId&) = default;
};

// True if a log that ends in `a` is at least as up to date as one that ends in `b` (Raft §5.4.1).
constexpr bool AtLeastAsUpToDate(const EntryId& a, const EntryId& b) {
  return a.term != b.term ? a.term > b.term : a.index >= b.index;
}

// Names a proposal from its birth to its answer. `origin` is drawn anew at each start of a process, so that
// an entry of an earlier life can never be taken for one of this life.
struct ProposalId {
  std::uint64_t origin = 0;  // 0: proposed by nobody who waits (the leader's empty entry).
  std::uint64_t sequence = 0;

  friend auto operator<=>(const ProposalId&, const ProposalId&) = default;
};

enum class EntryKind : std::uint8_t {
  kEmpty = 0,       // The entry with which a leader opens its term.
  kCommand = 1,     // Opaque bytes for the state machine.
  kMembership = 2,  // EncodeMembership() of raft/core/member_config.h.
};

struct Entry {
  EntryId id;
  EntryKind kind = EntryKind::kEmpty;
  ClusterTime time;  // Never below that of the entry before.
  ProposalId proposal;
  Payload payload;

  friend bool operator==(const Entry&, const Entry&) = default;
};

// What a member must remember about elections. On stable storage before any message that follows from it
// leaves.
struct HardState {
  Term term;
  std::optional<NodeId> vote;  // In `term`.

  friend bool operator==(const HardState&, const HardState&) = default;
};

}  // namespace cairn::raft
