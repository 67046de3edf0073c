#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <string_view>
#include <vector>

#include "raft/base/types.h"

namespace cairn::raft {

// Who counts for what. Each list is sorted and without repetition.
//
// Simple: `voters` decide. Joint (`outgoing` is not empty): decisions need a majority of `voters` and of
// `outgoing`. A node is in at most one of `voters` and `learners`; `learners_next` are outgoing voters that
// become learners when the joint configuration is left.
struct MemberConfig {
  std::vector<NodeId> voters;
  std::vector<NodeId> outgoing;
  std::vector<NodeId> learners;
  std::vector<NodeId> learners_next;

  [[nodiscard]] bool joint() const { return !outgoing.empty(); }
  [[nodiscard]] bool IsVoter(NodeId id) const;          // In either half.
  [[nodiscard]] bool IsIncomingVoter(NodeId id) const;  // In `voters`: will still vote after a joint one.
  [[nodiscard]] bool IsLearner(NodeId id) const;        // In `learners`.
  [[nodiscard]] bool Contains(NodeId id) const;
  [[nodiscard]] bool IsValid() const;             // The lists are what is said above; all four may be empty.
  [[nodiscard]] std::vector<NodeId> All() const;  // Voters of both halves and learners, sorted.

  friend bool operator==(const MemberConfig&, const MemberConfig&) = default;
};

struct MembershipStep {
  enum class Kind : std::uint8_t { kAddVoter, kAddLearner, kRemove };
  Kind kind;
  NodeId id;

  friend bool operator==(const MembershipStep&, const MembershipStep&) = default;
};

// Several steps at once go through a joint configuration, which the leader leaves by itself (thesis 4.3).
struct MembershipChange {
  std::vector<MembershipStep> steps;
  std::string context;  // Opaque to raft/core; travels with the entry (addresses, names).
};

// What a kMembership entry carries: the whole configuration after it, and the opaque context of the change.
struct Membership {
  MemberConfig config;
  std::string context;

  friend bool operator==(const Membership&, const Membership&) = default;
};

// The payload of a kMembership entry. Decode refuses what Encode cannot have made (InvalidArgument), and
// never crashes.
std::string EncodeMembership(const Membership& membership);
absl::StatusOr<Membership> DecodeMembership(std::string_view bytes);

// The configuration after `change`: joint if it has more than one step that touches voters. InvalidArgument:
// removing the last voter, an unknown node, adding what is there. FailedPrecondition: `config` is joint
// already.
absl::StatusOr<MemberConfig> ApplyChange(const MemberConfig& config, const MembershipChange& change);

// The configuration after leaving a joint one. REQUIRES: config.joint().
MemberConfig LeaveJoint(const MemberConfig& config);

}  // namespace cairn::raft
