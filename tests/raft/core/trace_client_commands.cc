#include <vector>

#include "raft/base/status.h"
#include "raft/core/core_state.h"
#include "tests/raft/core/trace_cluster.h"
#include "tests/raft/core/trace_describe.h"

// tick, timeout, beat, propose, read, change, transfer, forget, broken, unreachable: what time, clients and
// operators do.
namespace cairn::raft {
namespace {

constexpr const char* kRefusals[] = {"", "it does not lead", "it hands the lead over",
                                     "too much is uncommitted"};

void Tick(TraceCluster& trace, NodeId id, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    trace.cluster().Tick(id);
    trace.DoAutomaticWork();
  }
}

// timeout N: as many ticks as its election timer still waits for, or (a leader) until its quorum check.
void TimeOut(TraceCluster& trace, NodeId id) {
  const CoreState& state = Inspect(trace.cluster().core(id));
  const int ticks = state.leader() != nullptr ? state.options.election_ticks - state.leader()->quorum_ticks
                                              : state.timer.timeout() - state.timer.elapsed();
  Tick(trace, id, static_cast<std::uint64_t>(std::max(ticks, 1)));
}

// propose N a b c, or propose N count=20 [bytes=100]
void Propose(TraceCluster& trace, const TraceArguments& arguments) {
  const NodeId id = arguments.Node(0);
  std::vector<Proposal> batch;
  const auto add = [&](std::string payload) {
    batch.push_back({.id = {.origin = 1, .sequence = ++trace.proposals},
                     .payload = Payload::FromString(std::move(payload))});
  };
  for (std::size_t i = 1; i < arguments.words.size(); ++i) add(arguments.words[i]);
  for (std::uint64_t i = 0; i < arguments.Number("count", 0); ++i)
    add(std::string(arguments.Number("bytes", 1), 'x'));
  trace.now = ClusterTime{arguments.Number("time", trace.now.value())};
  const ProposeResult result = trace.cluster().core(id).Propose(batch, trace.now);
  if (result.refusal != ProposeRefusal::kNone) {
    trace.Say("{}: takes {} of {}: {}", id, result.accepted, batch.size(),
              kRefusals[static_cast<std::size_t>(result.refusal)]);
  }
  trace.After(id);
}

// change N voter=4 learner=5,6 remove=2
void Change(TraceCluster& trace, const TraceArguments& arguments) {
  const NodeId id = arguments.Node(0);
  MembershipChange change;
  const auto add = [&](const char* name, MembershipStep::Kind kind) {
    for (const std::uint64_t node : arguments.Numbers(name))
      change.steps.push_back({.kind = kind, .id = NodeId{node}});
  };
  add("voter", MembershipStep::Kind::kAddVoter);
  add("learner", MembershipStep::Kind::kAddLearner);
  add("remove", MembershipStep::Kind::kRemove);
  const absl::Status status = trace.cluster().core(id).ChangeMembership(
      {.origin = 1, .sequence = ++trace.proposals}, change, trace.now);
  if (!status.ok()) trace.Say("{}: refuses: {}", id, MessageOf(status));
  trace.After(id);
}

void TransferLead(TraceCluster& trace, const TraceArguments& arguments) {
  const NodeId id = arguments.Node(0);
  const absl::Status status = trace.cluster().core(id).TransferLeadership(NodeId{arguments.Number("to", 0)});
  if (!status.ok()) trace.Say("{}: refuses: {}", id, MessageOf(status));
  trace.After(id);
}

}  // namespace

bool RunClientCommand(TraceCluster& trace, const std::string& command, const TraceArguments& arguments) {
  TestCluster& cluster = trace.cluster();
  const NodeId id = arguments.Node(0);
  if (command == "tick") {
    // tick N [count=K]
    Tick(trace, id, arguments.Number("count", 1));
  } else if (command == "timeout") {
    TimeOut(trace, id);
  } else if (command == "beat") {
    // Until a leader's next heartbeat has left.
    const CoreState& state = Inspect(cluster.core(id));
    if (state.leader() == nullptr) {
      trace.Say("{}: does not lead", id);
    } else {
      Tick(trace, id,
           static_cast<std::uint64_t>(state.options.heartbeat_ticks - state.leader()->heartbeat_ticks));
    }
  } else if (command == "propose") {
    Propose(trace, arguments);
  } else if (command == "read") {
    // read N token=7
    cluster.core(id).ReadIndex(ReadToken{arguments.Number("token", 0)});
    trace.After(id);
  } else if (command == "change") {
    Change(trace, arguments);
  } else if (command == "transfer") {
    TransferLead(trace, arguments);
  } else if (command == "forget") {
    cluster.core(id).ForgetLeader();
    trace.After(id);
  } else if (command == "broken") {
    // broken N peer=M: N's stream to M broke and was refused.
    cluster.core(id).StreamBroken(NodeId{arguments.Number("peer", 0)});
    trace.After(id);
  } else if (command == "unreachable") {
    cluster.core(id).PeerUnreachable(NodeId{arguments.Number("peer", 0)});
    trace.After(id);
  } else {
    return false;
  }
  return true;
}

}  // namespace cairn::raft
