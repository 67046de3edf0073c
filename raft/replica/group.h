#pragma once

#include <absl/functional/any_invocable.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "raft/base/payload.h"
#include "raft/base/types.h"
#include "raft/core/member_config.h"

namespace cairn::raft {

// Why Raft could not do what was asked. Carried in the absl::Status that Group's callbacks receive.
enum class RaftError : std::uint8_t {
  kNoLeader,         // Refused at once; nothing happened.
  kLost,             // The proposal is certainly not in the log and never will be (leader changed).
  kUnknown,          // The proposal may or may not take effect (leader changed, connection lost).
  kTimeout,          // The budget is used up; a proposal may still take effect.
  kOverloaded,       // A bounded queue is full; nothing happened.
  kTooLarge,         // The payload exceeds the limit; nothing happened.
  kStopped,          // This node is shutting down or has failed; a proposal may still take effect.
  kReadInterrupted,  // The read could not be confirmed (leader changed); ask again.
};

absl::Status MakeRaftError(RaftError error, std::string_view detail);
// nullopt for a status not made by MakeRaftError().
std::optional<RaftError> RaftErrorOf(const absl::Status& status);

// What a state machine answers to one command; the replica does not look inside.
class ApplyResult {
 public:
  virtual ~ApplyResult() = default;
};

// Called exactly once, from the applier's thread (result) or the replica's (error). Must not block.
using ProposeDone = absl::AnyInvocable<void(absl::StatusOr<std::unique_ptr<ApplyResult>>)>;

// Called exactly once, from the applier's or the replica's thread: OK when everything acknowledged anywhere
// before the call of ReadBarrier() has been applied here. Must not block.
using ReadDone = absl::AnyInvocable<void(absl::Status)>;

struct GroupStatus {
  NodeId self;
  ClusterId cluster;
  Term term;
  std::optional<NodeId> leader;
  Index commit;
  Index applied;
  Index last;
  MemberConfig config;
  std::uint64_t pending_proposals = 0;
  std::uint64_t leader_changes = 0;  // Seen since start.
  // Followers whose log lacks what they had acknowledged: their disks cannot be trusted. Known to the leader.
  std::vector<NodeId> lost_acknowledged;
  [[nodiscard]] bool is_leader() const { return leader == self; }
};

// How everything above Raft sees Raft. Thread-safe; owned by the node, outlives all callers.
class Group {
 public:
  virtual ~Group() = default;

  // Replicates `command` and applies it. From any member: a follower forwards.
  virtual void Propose(Payload command, ProposeDone done) = 0;

  // A linearizable point to read from (thesis 6.4). From any member.
  virtual void ReadBarrier(ReadDone done) = 0;

  // A recent snapshot of the state; never waits.
  [[nodiscard]] virtual GroupStatus status() const = 0;

  // Whether status() names a leader, for whoever needs no more: costs no lock.
  [[nodiscard]] virtual bool has_leader() const = 0;

  // Hands leadership to `to`, or to the best follower if empty; `done` says whether it led within two
  // election timeouts. Only the leader can: elsewhere FailedPrecondition (as etcd's "not leader"); nothing is
  // forwarded.
  virtual void TransferLeadership(std::optional<NodeId> to, absl::AnyInvocable<void(absl::Status)> done) = 0;
};

}  // namespace cairn::raft
