#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "raft/base/rng.h"
#include "tests/sim/history.h"
#include "tests/sim/sim_clock.h"
#include "tests/sim/sim_net.h"
#include "tests/sim/sim_node.h"

namespace cairn::sim {

struct ClusterOptions {
  std::uint64_t nodes = 3;
  std::uint64_t spares = 0;  // More nodes, with higher ids, that are not members at first.
  std::uint64_t seed = 1;
  NodeOptions node;
  int keys = 4;
};

// Replicas, their disks and the network between them, driven from one seed. Checks on the way that no term
// has two leaders, and everything that History checks. Node ids count from 1.
class Cluster {
 public:
  explicit Cluster(const ClusterOptions& options);
  ~Cluster();

  static NodeOptions FastNodes();

  [[nodiscard]] SimNode& node(std::uint64_t id) { return *nodes_.at(id - 1); }
  [[nodiscard]] std::uint64_t size() const { return nodes_.size(); }
  [[nodiscard]] SimNet& net() { return net_; }
  [[nodiscard]] History& history() { return history_; }
  [[nodiscard]] Rng& rng() { return rng_; }
  [[nodiscard]] SimClock& clock() { return clock_; }

  void StartAll();
  void Run(SimClock::Micros duration) { clock_.RunUntil(clock_.now() + duration); }
  // Runs until `condition` holds, a millisecond at a time; false if it does not within `limit`.
  [[nodiscard]] bool RunUntil(const std::function<bool()>& condition, SimClock::Micros limit);

  // The process dies, and its streams with it: the others notice. With the power, they hear nothing.
  void Crash(std::uint64_t id, Loss loss);
  void Isolate(std::uint64_t id);

  // The leader of the highest term among the nodes that are up.
  [[nodiscard]] std::optional<std::uint64_t> Leader() const;

  // One request through one node, answered into the result.
  struct Answer {
    int calls = 0;
    absl::Status status = absl::UnknownError("not answered");
  };
  std::shared_ptr<Answer> Put(std::uint64_t node, const std::string& key, std::string* value = nullptr);
  std::shared_ptr<Answer> Read(std::uint64_t node, const std::string& key);

  // Asks the leader, if there is one. A node that was removed must not come back: its id is used up.
  std::shared_ptr<Answer> Change(std::vector<raft::MembershipStep> steps);
  // By the configuration of the leader.
  [[nodiscard]] std::vector<std::uint64_t> Members() const;

  // Clients that put and read through any node, one request at a time each, until StopClients().
  void StartClients(int count);
  void StopClients() { clients_run_ = false; }

  // Bad things, drawn by chance, for so long.
  void Torment(SimClock::Micros duration);

  // Everything is repaired; then there must be a leader, every member must serve, and all must be equal.
  void HealAndCheck();

 private:
  void ClientStep(int client);
  void OneFault();
  void SendSnapshot(raft::NodeId from, raft::NodeId to, raft::Term term);
  void CheckElectionSafety(const raft::Replica& replica);
  [[nodiscard]] bool AllEqual();

  SimClock clock_;
  Rng rng_;
  SimNet net_;
  History history_;
  const int keys_;
  std::vector<std::unique_ptr<SimNode>> nodes_;
  std::map<raft::Term, raft::NodeId> leaders_;
  bool clients_run_ = false;
};

}  // namespace cairn::sim
