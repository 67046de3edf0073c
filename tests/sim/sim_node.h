#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "raft/base/rng.h"
#include "raft/log/segmented_log.h"
#include "raft/replica/replica.h"
#include "tests/sim/sim_clock.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_net.h"
#include "tests/sim/toy_machine.h"

namespace cairn::sim {

// How fast a node's disk and applier are, and when it takes snapshot points.
struct NodeOptions {
  raft::ReplicaOptions replica;
  std::uint64_t log_segment_bytes = 16 << 10;
  SimClock::Micros disk_min = 50;
  SimClock::Micros disk_max = 2000;
  SimClock::Micros apply_max = 300;
};

// What dies: a process, or the machine under it.
enum class Loss : std::uint8_t { kProcess, kPower };

// One machine of the simulated cluster: what survives a crash (two disks, the number of starts) and, while it
// is up, the production replica on simulated edges. It does what ReplicaRuntime does with threads, as events
// of the clock.
class SimNode {
 public:
  struct World {
    SimClock& clock;
    Rng& rng;
    SimNet& net;
    // The leader wants to send a snapshot; answered by OnSnapshotSent().
    std::function<void(raft::NodeId from, raft::NodeId to, raft::Term term)> send_snapshot;
    ToyMachine::Observer on_applied;
    std::function<void(const raft::Replica&)> after_turn;
  };

  SimNode(raft::NodeId id, const NodeOptions& options, raft::MemberConfig members, World world);
  ~SimNode();

  void Start();
  // The process dies; with the power, what was not synced is lost in a way drawn by chance, and a write may
  // be torn.
  void Crash(Loss loss);
  // SIGSTOP: nothing happens in the process for so long; then it goes on as if nothing had been.
  void Pause(SimClock::Micros duration);
  // From now on a write of the log may take so long.
  void SetDiskDelay(SimClock::Micros max) { disk_max_ = max; }
  // The log's disk answers nothing for so long (R27); everything else goes on.
  void StallDisk(SimClock::Micros duration) { disk_stalled_until_ = world_.clock.now() + duration; }

  // What is not yet with the applier is not applied for so long.
  void StallApplier(SimClock::Micros duration) { applier_stalled_until_ = world_.clock.now() + duration; }

  [[nodiscard]] bool up() const { return life_ != nullptr; }
  [[nodiscard]] raft::NodeId id() const { return id_; }
  [[nodiscard]] std::uint64_t starts() const { return starts_; }
  // REQUIRES: up().
  [[nodiscard]] const raft::Replica& replica() const;
  [[nodiscard]] ToyMachine& machine();
  [[nodiscard]] const raft::ReplicaMetrics& metrics() const;

  // Events of this node's replica, taken up by its next turn; lost if the node is not up.
  void Post(std::function<void(raft::Replica&)> event);

 private:
  struct Life;

  const raft::NodeId id_;
  const NodeOptions options_;
  SimClock::Micros disk_max_;
  SimClock::Micros disk_stalled_until_ = 0;
  SimClock::Micros applier_stalled_until_ = 0;
  World world_;
  raft::SimDisk disk_;
  ToyDisk toy_disk_;
  std::uint64_t starts_ = 0;
  std::shared_ptr<Life> life_;  // Shared only with events of the clock, which hold it weakly.
};

}  // namespace cairn::sim
