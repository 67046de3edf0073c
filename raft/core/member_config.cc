#include "raft/core/member_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>

#include "raft/base/assert.h"
#include "raft/base/status.h"

namespace cairn::raft {
namespace {

constexpr char kFormatVersion = 1;

// Bytes are put together in host order; a big-endian port has to swap here and in the reader.
static_assert(std::endian::native == std::endian::little);

bool In(const std::vector<NodeId>& sorted, NodeId id) {
  return std::binary_search(sorted.begin(), sorted.end(), id);
}

void Insert(std::vector<NodeId>& sorted, NodeId id) {
  const auto at = std::lower_bound(sorted.begin(), sorted.end(), id);
  if (at == sorted.end() || *at != id) sorted.insert(at, id);
}

void Erase(std::vector<NodeId>& sorted, NodeId id) {
  const auto at = std::lower_bound(sorted.begin(), sorted.end(), id);
  if (at != sorted.end() && *at == id) sorted.erase(at);
}

bool IsStrictlySorted(const std::vector<NodeId>& ids) {
  return std::adjacent_find(ids.begin(), ids.end(), std::greater_equal<>()) == ids.end() &&
         (ids.empty() || ids.front() != NodeId{});
}

template <typename Number>
void Put(std::string& out, Number number) {
  out.append(reinterpret_cast<const char*>(&number), sizeof(number));
}

void PutIds(std::string& out, const std::vector<NodeId>& ids) {
  Put(out, static_cast<std::uint32_t>(ids.size()));
  for (const NodeId id : ids) Put(out, id.value());
}

template <typename Number>
bool Take(std::string_view& in, Number& number) {
  if (in.size() < sizeof(number)) return false;
  std::memcpy(&number, in.data(), sizeof(number));
  in.remove_prefix(sizeof(number));
  return true;
}

bool TakeIds(std::string_view& in, std::vector<NodeId>& ids) {
  std::uint32_t count = 0;
  if (!Take(in, count)) return false;
  // Compared before anything is reserved: a damaged count must not become a huge allocation.
  if (in.size() / sizeof(NodeId::Representation) < count) return false;
  ids.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    NodeId::Representation id = 0;
    if (!Take(in, id)) return false;
    ids.emplace_back(id);
  }
  return true;
}

bool TouchesVoters(const MemberConfig& config, const MembershipStep& step) {
  return step.kind == MembershipStep::Kind::kAddVoter || In(config.voters, step.id);
}

absl::Status CheckStep(const MemberConfig& config, const MembershipStep& step) {
  const NodeId id = step.id;
  if (id == NodeId{}) return absl::InvalidArgumentError("0 is not a member id");
  switch (step.kind) {
    case MembershipStep::Kind::kAddVoter:
      if (!In(config.voters, id)) return absl::OkStatus();
      return absl::InvalidArgumentError(fmt::format("member {} is a voter already", id));
    case MembershipStep::Kind::kAddLearner:
      if (!In(config.learners, id)) return absl::OkStatus();
      return absl::InvalidArgumentError(fmt::format("member {} is a learner already", id));
    case MembershipStep::Kind::kRemove:
      if (config.Contains(id)) return absl::OkStatus();
      return absl::InvalidArgumentError(fmt::format("member {} is not in the cluster", id));
  }
  return absl::InvalidArgumentError("unknown kind of membership step");
}

void Apply(const MembershipStep& step, bool joint, MemberConfig& config) {
  const bool was_voter = In(config.voters, step.id);
  Erase(config.voters, step.id);
  Erase(config.learners, step.id);
  switch (step.kind) {
    case MembershipStep::Kind::kAddVoter:
      Insert(config.voters, step.id);
      break;
    case MembershipStep::Kind::kAddLearner:
      // While it still votes in the outgoing half it cannot be a learner as well.
      Insert(joint && was_voter ? config.learners_next : config.learners, step.id);
      break;
    case MembershipStep::Kind::kRemove:
      break;
  }
}

}  // namespace

bool MemberConfig::IsVoter(NodeId id) const { return In(voters, id) || In(outgoing, id); }

bool MemberConfig::IsIncomingVoter(NodeId id) const { return In(voters, id); }

bool MemberConfig::IsLearner(NodeId id) const { return In(learners, id); }

bool MemberConfig::Contains(NodeId id) const { return IsVoter(id) || IsLearner(id); }

// A node that has not joined yet has four empty lists.
bool MemberConfig::IsValid() const {
  if (!IsStrictlySorted(voters) || !IsStrictlySorted(outgoing)) return false;
  if (!IsStrictlySorted(learners) || !IsStrictlySorted(learners_next)) return false;
  if (voters.empty()) return outgoing.empty() && learners.empty() && learners_next.empty();
  const auto votes = [&](NodeId id) { return IsVoter(id); };
  if (std::any_of(learners.begin(), learners.end(), votes)) return false;
  return std::all_of(learners_next.begin(), learners_next.end(),
                     [&](NodeId id) { return In(outgoing, id) && !In(voters, id); });
}

std::vector<NodeId> MemberConfig::All() const {
  std::vector<NodeId> all;
  all.reserve(voters.size() + outgoing.size() + learners.size());
  all.insert(all.end(), voters.begin(), voters.end());
  all.insert(all.end(), outgoing.begin(), outgoing.end());
  all.insert(all.end(), learners.begin(), learners.end());
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

std::string EncodeMembership(const Membership& membership) {
  CAIRN_ASSERT(membership.config.IsValid(), "{} voters, {} outgoing, {} learners",
               membership.config.voters.size(), membership.config.outgoing.size(),
               membership.config.learners.size());
  std::string out(1, kFormatVersion);
  PutIds(out, membership.config.voters);
  PutIds(out, membership.config.outgoing);
  PutIds(out, membership.config.learners);
  PutIds(out, membership.config.learners_next);
  out += membership.context;
  return out;
}

absl::StatusOr<Membership> DecodeMembership(std::string_view bytes) {
  if (bytes.empty() || bytes.front() != kFormatVersion) {
    return absl::InvalidArgumentError("a membership entry of an unknown format");
  }
  bytes.remove_prefix(1);
  Membership membership;
  if (!TakeIds(bytes, membership.config.voters) || !TakeIds(bytes, membership.config.outgoing) ||
      !TakeIds(bytes, membership.config.learners) || !TakeIds(bytes, membership.config.learners_next)) {
    return absl::InvalidArgumentError("a membership entry ends too early");
  }
  if (!membership.config.IsValid()) {
    return absl::InvalidArgumentError("a membership entry lists a member twice or out of order");
  }
  membership.context = std::string(bytes);
  return membership;
}

absl::StatusOr<MemberConfig> ApplyChange(const MemberConfig& config, const MembershipChange& change) {
  if (config.joint()) {
    return absl::FailedPreconditionError("the cluster has not left its joint configuration yet");
  }
  if (change.steps.empty()) return absl::InvalidArgumentError("a membership change without a step");

  std::vector<NodeId> named;
  int voter_steps = 0;
  for (const MembershipStep& step : change.steps) {
    CAIRN_RETURN_IF_ERROR(CheckStep(config, step));
    if (In(named, step.id)) {
      return absl::InvalidArgumentError(fmt::format("member {} is named twice in one change", step.id));
    }
    Insert(named, step.id);
    if (TouchesVoters(config, step)) ++voter_steps;
  }

  // Majorities of two sets that differ by one voter overlap; those of sets that differ by more need not
  // (thesis 4.3).
  const bool joint = voter_steps > 1;
  MemberConfig next = config;
  if (joint) next.outgoing = config.voters;
  for (const MembershipStep& step : change.steps) Apply(step, joint, next);
  if (next.voters.empty()) return absl::InvalidArgumentError("the last voter cannot be removed");
  CAIRN_ASSERT(next.IsValid(), "voters={} outgoing={}", next.voters.size(), next.outgoing.size());
  return next;
}

MemberConfig LeaveJoint(const MemberConfig& config) {
  CAIRN_ASSERT(config.joint(), "voters={}", config.voters.size());
  MemberConfig next = config;
  next.outgoing.clear();
  next.learners_next.clear();
  for (const NodeId id : config.learners_next) Insert(next.learners, id);
  return next;
}

}  // namespace cairn::raft
