#include "tests/sim/cluster.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "raft/base/assert.h"
#include "raft/base/status.h"

namespace cairn::sim {

using raft::NodeId;
using raft::PeerMessage;
using raft::Replica;

namespace {

constexpr SimClock::Micros kMillisecond = 1000;
constexpr SimClock::Micros kSecond = 1'000'000;

}  // namespace

NodeOptions Cluster::FastNodes() {
  NodeOptions options;
  options.replica.request_budget = std::chrono::milliseconds(1500);
  options.replica.snapshot_count = 40;
  options.replica.snapshot_bytes = 1;
  options.replica.margin_entries = 20;
  options.replica.core.max_append_entries = 8;
  options.replica.core.max_committed_bytes = 64;
  return options;
}

Cluster::Cluster(const ClusterOptions& options)
    : rng_(options.seed),
      net_(clock_, rng_,
           [this](NodeId from, NodeId to, PeerMessage message) {
             auto kept = std::make_shared<PeerMessage>(std::move(message));
             node(to.value()).Post([from, kept](Replica& replica) {
               std::vector<PeerMessage> messages;
               messages.push_back(std::move(*kept));
               replica.OnPeerMessages(from, std::move(messages));
             });
           }),
      keys_(options.keys) {
  raft::MemberConfig members;
  for (std::uint64_t id = 1; id <= options.nodes; ++id) members.voters.push_back(NodeId{id});
  // Who joins later is told at birth what everybody was told (RestoredState::base).
  for (std::uint64_t number = 1; number <= options.nodes + options.spares; ++number) {
    const NodeId id{number};
    nodes_.push_back(std::make_unique<SimNode>(
        id, options.node, members,
        SimNode::World{
            .clock = clock_,
            .rng = rng_,
            .net = net_,
            .send_snapshot = [this](NodeId from, NodeId to,
                                    raft::Term term) { SendSnapshot(from, to, term); },
            .on_applied = [this](const auto& entry, const auto& change) { history_.Applied(entry, change); },
            .after_turn = [this](const Replica& replica) { CheckElectionSafety(replica); }}));
  }
}

Cluster::~Cluster() = default;

void Cluster::StartAll() {
  for (const auto& node : nodes_) {
    if (!node->up()) node->Start();
  }
}

bool Cluster::RunUntil(const std::function<bool()>& condition, SimClock::Micros limit) {
  const SimClock::Micros end = clock_.now() + limit;
  while (!condition()) {
    if (clock_.now() >= end) return false;
    Run(kMillisecond);
  }
  return true;
}

void Cluster::Crash(std::uint64_t id, Loss loss) {
  node(id).Crash(loss);
  if (loss == Loss::kPower) return;
  for (const auto& other : nodes_) {
    if (!net_.Connected(NodeId{id}, other->id())) continue;
    clock_.After(rng_.Between(kMillisecond, 5 * kMillisecond), [this, id, to = other.get()] {
      if (node(id).up()) return;
      to->Post([id](Replica& replica) {
        replica.OnPeerUnreachable(NodeId{id});
        replica.OnStreamBroken(NodeId{id});
      });
    });
  }
}

void Cluster::Isolate(std::uint64_t id) {
  for (const auto& other : nodes_) {
    if (other->id() != NodeId{id}) net_.CutBoth(NodeId{id}, other->id());
  }
}

std::optional<std::uint64_t> Cluster::Leader() const {
  const SimNode* best = nullptr;
  for (const auto& node : nodes_) {
    if (!node->up() || !node->replica().core().is_leader()) continue;
    if (best == nullptr || node->replica().core().term() > best->replica().core().term()) best = node.get();
  }
  return best == nullptr ? std::nullopt : std::optional(best->id().value());
}

void Cluster::CheckElectionSafety(const Replica& replica) {
  if (!replica.core().is_leader()) return;
  const NodeId self = *replica.core().leader();
  const auto [leader, first] = leaders_.emplace(replica.core().term(), self);
  CAIRN_ASSERT(leader->second == self, "term {} has leaders {} and {}", leader->first, leader->second, self);
}

std::shared_ptr<Cluster::Answer> Cluster::Put(std::uint64_t id, const std::string& key, std::string* value) {
  auto answer = std::make_shared<Answer>();
  const History::Operation operation = history_.BeginWrite(key);
  if (value != nullptr) *value = operation.value;
  node(id).Post([this, operation, answer](Replica& replica) {
    replica.Propose(PutCommand(operation.key, operation.value),
                    [this, operation, answer](absl::StatusOr<std::unique_ptr<raft::ApplyResult>> result) {
                      CAIRN_ASSERT(++answer->calls == 1, "write {} was answered twice", operation.value);
                      answer->status = result.status();
                      if (result.ok()) {
                        history_.Written(operation, static_cast<const PutResult&>(**result).version);
                      } else {
                        history_.WriteFailed(operation, result.status());
                      }
                    });
  });
  return answer;
}

std::shared_ptr<Cluster::Answer> Cluster::Read(std::uint64_t id, const std::string& key) {
  auto answer = std::make_shared<Answer>();
  const History::Operation operation = history_.BeginRead(key);
  node(id).Post([this, id, operation, answer](Replica& replica) {
    replica.ReadBarrier([this, id, operation, answer](const absl::Status& status) {
      CAIRN_ASSERT(++answer->calls == 1, "a read of {} was answered twice", operation.key);
      answer->status = status;
      if (status.ok()) history_.Read(operation, node(id).machine().Read(operation.key));
    });
  });
  return answer;
}

std::shared_ptr<Cluster::Answer> Cluster::Change(std::vector<raft::MembershipStep> steps) {
  auto answer = std::make_shared<Answer>();
  const auto leader = Leader();
  if (!leader) {
    ++answer->calls;
    return answer;
  }
  node(*leader).Post([steps = std::move(steps), answer](Replica& replica) {
    replica.ChangeMembership({.steps = steps, .context = ""},
                             [answer](const absl::StatusOr<std::unique_ptr<raft::ApplyResult>>& result) {
                               ++answer->calls;
                               answer->status = result.status();
                             });
  });
  return answer;
}

std::vector<std::uint64_t> Cluster::Members() const {
  std::vector<std::uint64_t> members;
  const auto leader = Leader();
  if (!leader) return members;
  for (const NodeId id : nodes_.at(*leader - 1)->replica().core().status().config.All()) {
    members.push_back(id.value());
  }
  return members;
}

void Cluster::StartClients(int count) {
  clients_run_ = true;
  for (int client = 0; client < count; ++client) ClientStep(client);
}

// One request; the next begins a little after its answer, or when it is clear that none will come because the
// node died.
void Cluster::ClientStep(int client) {
  if (!clients_run_) return;
  const std::uint64_t through = rng_.Between(1, size());
  if (!node(through).up()) {
    clock_.After(rng_.Between(500, 3000), [this, client] { ClientStep(client); });
    return;
  }
  const std::string key = fmt::format("k{}", rng_.Below(static_cast<std::uint64_t>(keys_)));
  const auto answer = rng_.Chance(1, 2) ? Put(through, key) : Read(through, key);
  // A named function object may plan itself again.
  struct Poll {
    Cluster& cluster;
    int client;
    std::uint64_t through;
    std::uint64_t start;
    std::shared_ptr<Answer> answer;
    void operator()() const {
      const SimNode& node = cluster.node(through);
      const bool died = !node.up() || node.starts() != start;
      if (answer->calls > 0 || died) return cluster.ClientStep(client);
      cluster.clock_.After(cluster.rng_.Between(500, 3000), *this);
    }
  };
  clock_.After(rng_.Between(500, 3000), Poll{.cluster = *this,
                                             .client = client,
                                             .through = through,
                                             .start = node(through).starts(),
                                             .answer = answer});
}

void Cluster::Torment(SimClock::Micros duration) {
  const SimClock::Micros end = clock_.now() + duration;
  while (clock_.now() < end) {
    OneFault();
    Run(rng_.Between(20 * kMillisecond, 600 * kMillisecond));
  }
}

void Cluster::OneFault() {
  const std::uint64_t victim = rng_.Between(1, size());
  switch (rng_.Below(15)) {
    case 0:
      return net_.SetWeather({.lost_per_mille = rng_.Below(200),
                              .doubled_per_mille = rng_.Below(100),
                              .delay_min = 100,
                              .delay_max = rng_.Between(500, 60'000)});
    case 1:
      return net_.SetWeather({});
    case 2:
      return net_.Cut(NodeId{victim}, NodeId{rng_.Between(1, size())});
    case 3:
      return Isolate(victim);
    case 4:
    case 5:
      return net_.Heal();
    case 6:
      if (node(victim).up()) Crash(victim, Loss::kProcess);
      return;
    case 7:
      if (node(victim).up()) Crash(victim, Loss::kPower);
      return;
    case 8:
    case 9:
      return StartAll();
    case 10:
      return node(victim).Pause(rng_.Between(kMillisecond, 2 * kSecond));
    case 11:
      if (rng_.Chance(1, 3)) {
        for (std::uint64_t id = 1; id <= size(); ++id) {
          if (node(id).up()) Crash(id, Loss::kPower);
        }
        return;
      }
      return node(victim).Post([to = rng_.Between(1, size())](Replica& replica) {
        replica.TransferLeadership(NodeId{to}, [](const absl::Status&) {});
      });
    case 12:  // Its state may get ahead of its log.
      return node(victim).SetDiskDelay(rng_.Between(50 * kMillisecond, 600 * kMillisecond));
    case 13:
      for (const auto& node : nodes_) node->SetDiskDelay(2 * kMillisecond);
      return;
    case 14:
      return node(victim).StallDisk(rng_.Between(500 * kMillisecond, 5 * kSecond));
    default:
      return;
  }
}

void Cluster::SendSnapshot(NodeId from, NodeId to, raft::Term term) {
  const auto answer = [this, from, to](std::optional<raft::Index> index) {
    node(from.value()).Post([to, index](Replica& replica) { replica.OnSnapshotSent(to, index); });
  };
  clock_.After(rng_.Between(2 * kMillisecond, 50 * kMillisecond), [this, from, to, term, answer] {
    SimNode& source = node(from.value());
    SimNode& target = node(to.value());
    if (!source.up()) return;
    if (!target.up() || !net_.Connected(from, to) || rng_.Chance(1, 5)) return answer(std::nullopt);
    auto image = source.machine().OpenSnapshot();
    CAIRN_ASSERT(image.ok(), "{}", MessageOf(image.status()));
    auto sink = target.machine().ReceiveSnapshot((*image)->meta(), (*image)->manifest());
    CAIRN_ASSERT(sink.ok(), "{}", MessageOf(sink.status()));
    std::string bytes;
    while ((*sink)->next().offset < (*image)->files()[0].size) {
      absl::Status status = (*image)->Read(0, (*sink)->next().offset, 512, bytes);
      status.Update((*sink)->Write((*sink)->next(), bytes));
      CAIRN_ASSERT(status.ok(), "{}", MessageOf(status));
    }
    const absl::Status finished = (*sink)->Finish();
    CAIRN_ASSERT(finished.ok(), "{}", MessageOf(finished));
    auto kept = std::make_shared<std::unique_ptr<raft::SnapshotSink>>(*std::move(sink));
    target.Post(
        [from, term, kept](Replica& replica) { replica.OnSnapshotReceived(from, term, std::move(*kept)); });
    answer((*image)->meta().last.index);
  });
}

bool Cluster::AllEqual() {
  const std::vector<std::uint64_t> members = Members();
  return !members.empty() && std::ranges::all_of(members, [&](std::uint64_t id) {
    return node(id).machine().state() == node(members.front()).machine().state();
  });
}

void Cluster::HealAndCheck() {
  net_.Heal();
  net_.SetWeather({});
  StopClients();
  StartAll();
  for (const auto& node : nodes_) {
    node->Pause(0);
    node->SetDiskDelay(2 * kMillisecond);
    node->StallDisk(0);
    node->StallApplier(0);
  }
  CAIRN_ASSERT(RunUntil([&] { return Leader().has_value(); }, 5 * kSecond),
               "no leader 5 s after all faults ended");
  Run(5 * kSecond);  // Whatever still waits is answered.
  CAIRN_ASSERT(Leader().has_value(), "the leader was lost without a fault");
  for (const std::uint64_t id : Members()) {
    const auto put = Put(id, "last");
    CAIRN_ASSERT(RunUntil([&] { return put->calls > 0; }, 3 * kSecond) && put->status.ok(),
                 "a write through node {}: {}", id, MessageOf(put->status));
    const auto read = Read(id, "last");
    CAIRN_ASSERT(RunUntil([&] { return read->calls > 0; }, 3 * kSecond) && read->status.ok(),
                 "a read through node {}: {}", id, MessageOf(read->status));
  }
  CAIRN_ASSERT(RunUntil([&] { return AllEqual(); }, 3 * kSecond), "the nodes' states differ");
  history_.CheckPromises();
}

}  // namespace cairn::sim
