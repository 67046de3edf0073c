#include "tests/sim/sim_node.h"

#include <algorithm>
#include <set>
#include <utility>
#include <variant>

#include "raft/base/assert.h"
#include "raft/base/status.h"
#include "raft/replica/reconcile.h"

namespace cairn::sim {

using raft::ApplyItem;
using raft::EntryId;
using raft::Index;
using raft::LogWrite;
using raft::NodeId;
using raft::Replica;
using raft::Term;
using raft::WriteNumber;

// A stalled thread looks again now and then: the fault may be repaired before its time.
constexpr SimClock::Micros kLooksAgain = 10'000;

// From a start to the next crash.
struct SimNode::Life final : raft::LogPort,
                             raft::ApplyPort,
                             raft::PeerPort,
                             std::enable_shared_from_this<Life> {
  struct ResetTask {
    EntryId base;
    WriteNumber number;
  };
  using LogTask = std::variant<LogWrite, ResetTask, Index>;
  struct FlushTask {};
  using ApplyTask = std::variant<std::vector<ApplyItem>, std::unique_ptr<raft::SnapshotSink>, FlushTask>;

  Life(SimNode& simulated, std::unique_ptr<raft::SegmentedLog> segmented_log)
      : node(simulated), log(std::move(segmented_log)) {}

  // Runs `event` after a while, unless this life has ended by then.
  void After(SimClock::Micros delay, std::function<void(Life&)> event) {
    node.world_.clock.After(delay, [life = weak_from_this(), event = std::move(event)] {
      if (const auto alive = life.lock()) event(*alive);
    });
  }

  void Begin(const raft::RestoredState& restored);

  // The replica's thread.
  void Post(std::function<void(Replica&)> event) {
    inbox.push_back(std::move(event));
    PlanTurn();
  }
  void PlanTurn();
  void Turn();
  void TickLoop();

  // The log's thread.
  void Write(LogWrite write) override { AddLogTask(std::move(write)); }
  void Reset(EntryId base, WriteNumber number) override {
    AddLogTask(ResetTask{.base = base, .number = number});
  }
  void ReleaseUpTo(Index index) override { AddLogTask(index); }
  void AddLogTask(LogTask task) {
    log_tasks.push_back(std::move(task));
    PlanLog();
  }
  void PlanLog();
  void FinishLog();
  absl::Status DoLogTasks(std::vector<LogTask> tasks);

  // The applier's thread.
  void Apply(std::vector<ApplyItem> items) override { AddApplyTask(std::move(items)); }
  void Install(std::unique_ptr<raft::SnapshotSink> sink) override { AddApplyTask(std::move(sink)); }
  void Discard(std::unique_ptr<raft::SnapshotSink>) override {}
  void StartFlush() override { AddApplyTask(FlushTask{}); }
  void AddApplyTask(ApplyTask task) {
    apply_tasks.push_back(std::move(task));
    PlanApply();
  }
  void PlanApply();
  void FinishApply();
  void DoApplyTasks();

  // The streams.
  void Send(NodeId to, raft::PeerMessage message) override {
    node.world_.net.Send(node.id_, to, std::move(message));
  }
  void Flush() override {}
  void SendSnapshot(NodeId to, Term term) override { node.world_.send_snapshot(node.id_, to, term); }
  void CancelSnapshot(NodeId /*to*/) override {}  // It arrives, or fails, within milliseconds.
  void SetPeers(std::vector<Peer> peers) override {
    std::set<NodeId> ids;
    for (const Peer& peer : peers) ids.insert(peer.id);
    node.world_.net.SetPeers(node.id_, std::move(ids));
  }

  SimNode& node;
  std::unique_ptr<raft::SegmentedLog> log;
  std::unique_ptr<ToyMachine> machine;
  raft::ReplicaMetrics metrics;
  std::unique_ptr<Replica> replica;

  std::vector<std::function<void(Replica&)>> inbox;
  bool turn_planned = false;
  SimClock::Micros paused_until = 0;
  EntryId reported_flush;

  std::vector<LogTask> log_tasks;
  bool log_busy = false;
  std::vector<ApplyTask> apply_tasks;
  bool apply_busy = false;
};

void SimNode::Life::Begin(const raft::RestoredState& restored) {
  reported_flush = machine->flushed();
  raft::ReplicaOptions options = node.options_.replica;
  options.core.self = node.id_;
  options.core.seed = node.world_.rng.Next();
  options.origin = node.id_.value() * 1'000'000 + node.starts_;
  replica = std::make_unique<Replica>(
      options, restored, Replica::Ports{.log = *this, .apply = *this, .peers = *this, .machine = *machine},
      [](const raft::Membership& membership) {
        std::vector<Peer> peers;
        for (const NodeId id : membership.config.All()) {
          peers.push_back({.id = id, .urls = {}, .incarnation = std::nullopt});
        }
        return peers;
      },
      metrics);
  After(node.world_.rng.Below(10'000), [](Life& life) { life.TickLoop(); });
}

void SimNode::Life::PlanTurn() {
  if (std::exchange(turn_planned, true)) return;
  const SimClock::Micros now = node.world_.clock.now();
  const SimClock::Micros wait = paused_until > now ? paused_until - now : 0;
  After(wait + node.world_.rng.Between(5, 50), [](Life& life) { life.Turn(); });
}

void SimNode::Life::Turn() {
  turn_planned = false;
  if (paused_until > node.world_.clock.now()) return PlanTurn();
  for (auto& event : std::exchange(inbox, {})) event(*replica);
  replica->Run(raft::MonotonicTime{node.world_.clock.now() / 1000});
  CAIRN_ASSERT(replica->failure().ok(), "node={}: {}", node.id_, MessageOf(replica->failure()));
  if (node.world_.after_turn) node.world_.after_turn(*replica);
}

void SimNode::Life::TickLoop() {
  After(10'000, [](Life& life) { life.TickLoop(); });
  if (paused_until > node.world_.clock.now()) return;  // A paused process counts no time.
  Post([this](Replica& r) {
    r.Tick();
    const EntryId flushed = machine->flushed();
    if (flushed.index <= reported_flush.index) return;
    reported_flush = flushed;
    r.OnFlushed(flushed);
  });
}

// Group commit: what waits when the disk becomes free is one write.
void SimNode::Life::PlanLog() {
  if (log_tasks.empty() || std::exchange(log_busy, true)) return;
  const SimClock::Micros delay = node.world_.rng.Between(node.options_.disk_min, node.disk_max_);
  After(delay, [](Life& life) { life.FinishLog(); });
}

void SimNode::Life::FinishLog() {
  const SimClock::Micros now = node.world_.clock.now();
  if (node.disk_stalled_until_ > now) {
    return After(std::min(node.disk_stalled_until_ - now, kLooksAgain), [](Life& life) { life.FinishLog(); });
  }
  const absl::Status status = DoLogTasks(std::exchange(log_tasks, {}));
  CAIRN_ASSERT(status.ok(), "node={}: {}", node.id_, MessageOf(status));
  log_busy = false;
  PlanLog();
}

absl::Status SimNode::Life::DoLogTasks(std::vector<LogTask> tasks) {
  std::vector<LogWrite> group;
  const auto write_group = [&]() -> absl::Status {
    if (group.empty()) return absl::OkStatus();
    const WriteNumber last = group.back().number;
    CAIRN_RETURN_IF_ERROR(log->Write(group));
    group.clear();
    Post([last](Replica& r) { r.OnLogPersisted(last); });
    return absl::OkStatus();
  };
  for (LogTask& task : tasks) {
    if (auto* write = std::get_if<LogWrite>(&task)) {
      group.push_back(std::move(*write));
      continue;
    }
    CAIRN_RETURN_IF_ERROR(write_group());
    if (const auto* reset = std::get_if<ResetTask>(&task)) {
      CAIRN_RETURN_IF_ERROR(log->Reset(reset->base));
      Post([number = reset->number](Replica& r) { r.OnLogPersisted(number); });
    } else {
      CAIRN_RETURN_IF_ERROR(log->ReleaseUpTo(std::get<Index>(task)));
    }
  }
  CAIRN_RETURN_IF_ERROR(write_group());
  return log->PrepareSpares();
}

void SimNode::Life::PlanApply() {
  if (apply_tasks.empty() || std::exchange(apply_busy, true)) return;
  After(node.world_.rng.Below(node.options_.apply_max) + 1, [](Life& life) { life.FinishApply(); });
}

void SimNode::Life::FinishApply() {
  const SimClock::Micros now = node.world_.clock.now();
  if (node.applier_stalled_until_ > now) {
    return After(std::min(node.applier_stalled_until_ - now, kLooksAgain),
                 [](Life& life) { life.FinishApply(); });
  }
  DoApplyTasks();
  apply_busy = false;
  PlanApply();
}

void SimNode::Life::DoApplyTasks() {
  for (ApplyTask& task : std::exchange(apply_tasks, {})) {
    if (auto* items = std::get_if<std::vector<ApplyItem>>(&task)) {
      const Index last = items->back().entry.id.index;
      const absl::Status status = machine->Apply(*items);
      CAIRN_ASSERT(status.ok(), "node={}: {}", node.id_, MessageOf(status));
      Post([last](Replica& r) { r.OnApplied(last); });
    } else if (auto* sink = std::get_if<std::unique_ptr<raft::SnapshotSink>>(&task)) {
      const raft::SnapshotMeta meta = (*sink)->meta();
      const absl::Status status = machine->Install(std::move(*sink));
      CAIRN_ASSERT(status.ok(), "node={}: {}", node.id_, MessageOf(status));
      Post([meta](Replica& r) { r.OnInstalled(meta); });
    } else {
      machine->StartFlush();
    }
  }
}

SimNode::SimNode(NodeId id, const NodeOptions& options, raft::MemberConfig members, World world)
    : id_(id), options_(options), disk_max_(options.disk_max), world_(std::move(world)) {
  toy_disk_.state.meta.config = std::move(members);
}

SimNode::~SimNode() = default;

void SimNode::Start() {
  CAIRN_ASSERT(!up(), "node={} is up", id_);
  ++starts_;
  auto opened =
      raft::SegmentedLog::Open(disk_, {.segment_bytes = options_.log_segment_bytes, .spare_segments = 1});
  CAIRN_ASSERT(opened.ok(), "node={}: {}", id_, MessageOf(opened.status()));
  life_ = std::make_shared<Life>(*this, std::move(opened->log));
  life_->machine =
      std::make_unique<ToyMachine>(toy_disk_, world_.on_applied, [this](std::function<void()> flush) {
        life_->After(world_.rng.Between(1000, 20'000), [flush = std::move(flush)](Life&) { flush(); });
      });
  auto restored = raft::Reconcile(std::move(opened->contents), life_->machine->recovered(), *life_->log);
  CAIRN_ASSERT(restored.ok(), "node={}: {}", id_, MessageOf(restored.status()));
  life_->Begin(*restored);
}

void SimNode::Crash(Loss loss) {
  CAIRN_ASSERT(up(), "node={} is down", id_);
  if (loss == Loss::kProcess) {
    life_.reset();
    return disk_.KillProcess();
  }
  // The plug is pulled while the disk is at work, somewhere in the middle of it.
  if (!life_->log_tasks.empty() && world_.rng.Chance(1, 2)) {
    disk_.CrashAt(disk_.operations().size() + world_.rng.Below(4));
    static_cast<void>(life_->DoLogTasks(std::exchange(life_->log_tasks, {})));
  }
  life_.reset();
  raft::Survival survival;
  survival.writes = static_cast<raft::Survival::Writes>(world_.rng.Below(4));
  survival.names = static_cast<raft::Survival::Names>(world_.rng.Below(3));
  survival.prefix_bytes = world_.rng.Below(4096);
  survival.seed = world_.rng.Next();
  disk_.LosePower(survival);
}

void SimNode::Pause(SimClock::Micros duration) {
  if (up()) life_->paused_until = world_.clock.now() + duration;
}

const Replica& SimNode::replica() const {
  CAIRN_ASSERT(up(), "node={} is down", id_);
  return *life_->replica;
}

const raft::ReplicaMetrics& SimNode::metrics() const {
  CAIRN_ASSERT(up(), "node={} is down", id_);
  return life_->metrics;
}

ToyMachine& SimNode::machine() {
  CAIRN_ASSERT(up(), "node={} is down", id_);
  return *life_->machine;
}

void SimNode::Post(std::function<void(Replica&)> event) {
  if (up()) life_->Post(std::move(event));
}

}  // namespace cairn::sim
