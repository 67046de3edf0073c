#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "raft/base/types.h"
#include "raft/core/core.h"
#include "raft/core/invariants.h"
#include "tests/raft/core/test_member.h"

namespace cairn::raft {

// A snapshot on its way; its content is `meta`, which is all that a core sees of it.
struct SnapshotTransit {
  NodeId from;
  NodeId to;
  Term term;
  SnapshotMeta meta;
};

// Members and the network between them. Nothing moves by itself; every input to a core is followed by
// Collect(), which checks all invariants.
class TestCluster {
 public:
  // `on_output` sees each output before it is performed; for traces.
  using OnOutput = std::function<void(NodeId, const Output&)>;
  explicit TestCluster(OnOutput on_output = nullptr) : on_output_(std::move(on_output)) {}

  void AddMember(const CoreOptions& options, MemberConfig config);
  [[nodiscard]] TestMember& member(NodeId id) { return *members_.at(id); }
  [[nodiscard]] bool Has(NodeId id) const { return members_.contains(id); }
  [[nodiscard]] Core& core(NodeId id) { return members_.at(id)->core(); }
  [[nodiscard]] std::vector<NodeId> ids() const;
  [[nodiscard]] const ClusterInvariants& invariants() const { return invariants_; }

  // Takes what the core of `id` wants done, until it wants nothing more, and checks everything.
  void Collect(NodeId id);

  // Messages in flight, oldest first.
  [[nodiscard]] std::vector<Envelope>& network() { return network_; }
  [[nodiscard]] std::vector<SnapshotTransit>& snapshots() { return snapshots_; }

  // Hands a message that was taken out of the network to its receiver; lost if that is down or cut off.
  void Deliver(Envelope envelope);
  // The transfer ends: as a whole, or (false) broken. The sender is told either way.
  void FinishSnapshot(const SnapshotTransit& transit, bool arrived);

  // Links are one-way.
  void Cut(NodeId from, NodeId to) { cut_.insert({from, to}); }
  void Heal(NodeId from, NodeId to) { cut_.erase({from, to}); }
  void HealAll() { cut_.clear(); }
  [[nodiscard]] bool IsCut(NodeId from, NodeId to) const { return cut_.contains({from, to}); }

  void Tick(NodeId id);
  void Sync(NodeId id, std::size_t count);
  void Apply(NodeId id, std::size_t count);
  void FinishInstall(NodeId id);
  void Crash(NodeId id, std::size_t kept_writes);
  void Restart(NodeId id, std::uint64_t seed);

  // Everything that can happen without time passing happens, until nothing can: disks, state machines,
  // snapshots, messages. Members for which `frozen_disk` says so keep their writes waiting.
  void Settle(const std::function<bool(NodeId)>& frozen_disk = [](NodeId) { return false; });

  // The member that leads in the highest term, if any leads.
  [[nodiscard]] std::optional<NodeId> Leader() const;

  // Why the members of the leader's configuration do not agree yet; empty if they do.
  [[nodiscard]] std::string Disagreement();

  // One line for each member, for a person who has to find out why.
  [[nodiscard]] std::string Describe();

 private:
  void CheckCommitIsDurable(NodeId id, Index before);
  void Post(std::vector<Envelope> envelopes);
  void PostSnapshots(NodeId id, const Output& output);

  OnOutput on_output_;
  std::map<NodeId, std::unique_ptr<TestMember>> members_;
  std::vector<Envelope> network_;
  std::vector<SnapshotTransit> snapshots_;
  std::set<std::pair<NodeId, NodeId>> cut_;
  ClusterInvariants invariants_;
};

}  // namespace cairn::raft
