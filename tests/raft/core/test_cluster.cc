#include "tests/raft/core/test_cluster.h"

#include <fmt/format.h>

#include <algorithm>

#include "raft/base/assert.h"
#include "raft/core/core_state.h"
#include "raft/core/quorum.h"

namespace cairn::raft {

void TestCluster::AddMember(const CoreOptions& options, MemberConfig config) {
  CAIRN_ASSERT(!members_.contains(options.self), "member {} is there", options.self);
  members_[options.self] = std::make_unique<TestMember>(options, std::move(config));
}

std::vector<NodeId> TestCluster::ids() const {
  std::vector<NodeId> ids;
  for (const auto& [id, member] : members_) ids.push_back(id);
  return ids;
}

void TestCluster::Collect(NodeId id) {
  TestMember& member = *members_.at(id);
  std::vector<const Core*> running;
  for (const auto& [other, m] : members_) {
    if (m->up()) running.push_back(&m->core());
  }
  member.invariants().Check(member.core());
  bool first = true;
  while (first || member.core().HasOutput()) {
    first = false;
    const Index committed_before = invariants_.committed();
    const Output output = member.core().TakeOutput();
    MemberInvariants::CheckOutput(member.core(), output);
    member.invariants().Check(member.core());
    invariants_.Check(member.core(), output, running);
    CheckCommitIsDurable(id, committed_before);
    if (on_output_) on_output_(id, output);
    Post(member.Perform(output));
    PostSnapshots(id, output);
  }
}

// A leader that commits must not owe it to memory: a majority has the entry on disk (design, promise 2). By
// the configuration in force when it was counted, which is that of the entry or a later one.
void TestCluster::CheckCommitIsDurable(NodeId id, Index before) {
  const CoreState& state = Inspect(members_.at(id)->core());
  if (state.leader() == nullptr) return;
  for (Index index = Next(before); index <= invariants_.committed(); index = Next(index)) {
    const EntryId& entry = invariants_.CommittedId(index);
    bool durable = false;
    for (Index at = std::max(index, state.log.base().index); !durable && at <= state.log.last().index;
         at = Next(at)) {
      durable = QuorumAgrees(state.configs.At(at), [&](NodeId voter) {
        const auto member = members_.find(voter);
        return member != members_.end() && member->second->HasDurably(entry);
      });
    }
    CAIRN_ASSERT(durable, "leader {} committed {} of term {} without a durable majority", id, index,
                 entry.term);
  }
}

void TestCluster::Post(std::vector<Envelope> envelopes) {
  std::move(envelopes.begin(), envelopes.end(), std::back_inserter(network_));
}

void TestCluster::PostSnapshots(NodeId id, const Output& output) {
  TestMember& member = *members_.at(id);
  for (const SnapshotNeeded& needed : output.snapshots_needed) {
    member.Flush();
    snapshots_.push_back(
        {.from = id, .to = needed.to, .term = member.core().term(), .meta = member.store().flushed});
  }
}

void TestCluster::Deliver(Envelope envelope) {
  if (IsCut(envelope.from, envelope.to)) return;
  const auto to = members_.find(envelope.to);
  if (to == members_.end() || !to->second->up()) return;
  to->second->core().Step(envelope.from, std::move(envelope.message));
  Collect(envelope.to);
}

void TestCluster::FinishSnapshot(const SnapshotTransit& transit, bool arrived) {
  const auto to = members_.find(transit.to);
  arrived = arrived && to != members_.end() && to->second->up() && !IsCut(transit.from, transit.to);
  if (arrived) {
    to->second->core().Step(transit.from,
                            {.term = transit.term, .body = InstallSnapshot{.meta = transit.meta}});
    Collect(transit.to);
  }
  if (!members_.at(transit.from)->up()) return;
  core(transit.from)
      .SnapshotSent(transit.to, arrived ? std::optional(transit.meta.last.index) : std::nullopt);
  Collect(transit.from);
}

void TestCluster::Tick(NodeId id) {
  core(id).Tick();
  Collect(id);
}

void TestCluster::Sync(NodeId id, std::size_t count) {
  Post(member(id).Sync(count));
  Collect(id);
}

void TestCluster::Apply(NodeId id, std::size_t count) {
  member(id).Apply(count);
  Collect(id);
}

void TestCluster::FinishInstall(NodeId id) {
  member(id).FinishInstall();
  Collect(id);
  Sync(id, 0);
}

void TestCluster::Crash(NodeId id, std::size_t kept_writes) {
  member(id).Crash(kept_writes);
  std::erase_if(snapshots_, [&](const SnapshotTransit& transit) { return transit.from == id; });
}

void TestCluster::Restart(NodeId id, std::uint64_t seed) {
  member(id).Restart(seed);
  invariants_.Restarted(id);
  Collect(id);
}

void TestCluster::Settle(const std::function<bool(NodeId)>& frozen_disk) {
  bool busy = true;
  for (int round = 0; busy; ++round) {
    CAIRN_ASSERT(round < 1'000'000, "the cluster does not come to rest: {} messages", network_.size());
    busy = false;
    for (const auto& [id, member] : members_) {
      if (!member->up()) continue;
      if (!frozen_disk(id) && member->installing()) {
        FinishInstall(id);
        busy = true;
      }
      if (!frozen_disk(id) && member->unsynced() > 0) {
        Sync(id, member->unsynced());
        busy = true;
      }
      if (member->unapplied() > 0 && !member->installing()) {
        Apply(id, member->unapplied());
        busy = true;
      }
    }
    if (!network_.empty()) {
      Envelope envelope = std::move(network_.front());
      network_.erase(network_.begin());
      Deliver(std::move(envelope));
      busy = true;
    } else if (!snapshots_.empty()) {
      const SnapshotTransit transit = snapshots_.front();
      snapshots_.erase(snapshots_.begin());
      FinishSnapshot(transit, true);
      busy = true;
    }
  }
}

std::optional<NodeId> TestCluster::Leader() const {
  std::optional<NodeId> best;
  for (const auto& [id, member] : members_) {
    if (!member->up() || !member->core().is_leader()) continue;
    if (!best || member->core().term() > members_.at(*best)->core().term()) best = id;
  }
  return best;
}

std::string TestCluster::Disagreement() {
  const std::optional<NodeId> leader = Leader();
  if (!leader) return "nobody leads";
  const CoreStatus lead = core(*leader).status();
  if (lead.config.joint()) return "the configuration is joint";
  if (lead.commit != lead.last.index) return fmt::format("{} has not committed its log", *leader);
  if (Inspect(core(*leader)).log.TermAt(lead.commit) != lead.term) return "nothing committed in this term";
  for (const NodeId id : lead.config.All()) {
    if (!member(id).up()) return fmt::format("{} is down", id);
    const CoreStatus status = core(id).status();
    if (status.leader != leader) return fmt::format("{} does not follow {}", id, *leader);
    if (status.last != lead.last) return fmt::format("the log of {} ends elsewhere", id);
    if (status.commit != lead.commit) return fmt::format("{} has not committed all", id);
    if (status.applied != lead.commit) return fmt::format("{} has not applied all", id);
    if (!(status.config == lead.config)) return fmt::format("{} has another configuration", id);
  }
  return "";
}

std::string TestCluster::Describe() {
  std::string text;
  for (const auto& [id, member] : members_) {
    if (!member->up()) {
      text += fmt::format("{}: down\n", id);
      continue;
    }
    const CoreStatus status = member->core().status();
    text += fmt::format(
        "{}: role={} term={} leader={} last={}/{} commit={} applied={} voters={} outgoing={} learners={}\n",
        id, static_cast<int>(status.role), status.term, status.leader.value_or(NodeId{}), status.last.index,
        status.last.term, status.commit, status.applied, fmt::join(status.config.voters, ","),
        fmt::join(status.config.outgoing, ","), fmt::join(status.config.learners, ","));
  }
  return text;
}

}  // namespace cairn::raft
