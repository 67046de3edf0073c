#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "raft/base/types.h"
#include "raft/core/core.h"

// What must always hold, checked by tests and simulations after every input. A violation is a CAIRN_ASSERT:
// it stops with numbers.
namespace cairn::raft {

// One member's state: by itself, and against the state at the check before. A member that restarts gets a new
// checker.
class MemberInvariants {
 public:
  void Check(const Core& core);

  // What TakeOutput() has just returned. REQUIRES: called before any further input.
  static void CheckOutput(const Core& core, const Output& output);

 private:
  struct Seen {
    HardState hard_state;
    Index base;
    Index commit;
    Index applied;
    ClusterTime time;
    std::optional<EntryId> last_as_leader;
  };
  std::optional<Seen> before_;
};

// The properties of Raft's Figure 3, over all members and all time.
class ClusterInvariants {
 public:
  // `changed` has had an input and this is what it put out; `members` are all that run, `changed` among them.
  // REQUIRES: called for each output, in order.
  void Check(const Core& changed, const Output& output, std::span<const Core* const> members);

  // The member restarted: what it says about its commit index begins anew.
  void Restarted(NodeId id);

  // The highest index that any member ever knew to be committed.
  [[nodiscard]] Index committed() const { return Index{committed_.size()}; }
  [[nodiscard]] const EntryId& CommittedId(Index index) const { return committed_[index.value() - 1].id; }

 private:
  struct Known {
    EntryId id;
    Term previous_term;
    std::uint64_t content = 0;  // A checksum of everything in the entry.
    Term committed_in{};        // The term of the leader that committed it, once it is committed.
  };

  void CheckElectionSafety(const Core& changed);
  void CheckLogMatching(const Core& changed, const Output& output);
  void CheckStateMachineSafety(const Core& changed, const Output& output,
                               std::span<const Core* const> members);
  void CheckLeaderCompleteness(const Core& leader) const;

  std::map<Term, NodeId> leaders_;
  std::map<std::pair<Index, Term>, Known> entries_;  // Every entry that ever was in a log.
  std::vector<Known> committed_;                     // Index 1 first.
  std::map<NodeId, Index> checked_commit_;
};

}  // namespace cairn::raft
