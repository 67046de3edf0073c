#include <utility>
#include <vector>

#include "raft/core/core_state.h"
#include "tests/raft/core/trace_cluster.h"
#include "tests/raft/core/trace_describe.h"

// cluster, preload, options, show, agree: what there is, and how every trace ends.
namespace cairn::raft {
namespace {

CoreOptions OptionsFrom(CoreOptions options, const TraceArguments& arguments) {
  options.pre_vote = arguments.On("pre-vote", options.pre_vote);
  options.check_quorum = arguments.On("check-quorum", options.check_quorum);
  options.max_inflight_appends = arguments.Number("inflight", options.max_inflight_appends);
  options.max_inflight_bytes = arguments.Number("inflight-bytes", options.max_inflight_bytes);
  options.max_append_entries = arguments.Number("append-entries", options.max_append_entries);
  options.max_append_bytes = arguments.Number("append-bytes", options.max_append_bytes);
  options.max_uncommitted_bytes = arguments.Number("uncommitted-bytes", options.max_uncommitted_bytes);
  options.max_committed_bytes = arguments.Number("committed-bytes", options.max_committed_bytes);
  options.max_pending_reads = arguments.Number("pending-reads", options.max_pending_reads);
  return options;
}

std::vector<NodeId> Ids(const std::vector<std::uint64_t>& numbers) {
  std::vector<NodeId> ids;
  for (const std::uint64_t number : numbers) ids.emplace_back(number);
  return ids;
}

// cluster nodes=3 [voters=1,2] [learners=3] [disk=manual] [limits and switches]
// Members that are neither voters nor learners are there, but not in the configuration.
void MakeCluster(TraceCluster& trace, const TraceArguments& arguments) {
  trace.options = OptionsFrom(trace.options, arguments);
  const std::uint64_t nodes = arguments.Number("nodes", 3);
  MemberConfig config{.voters = Ids(arguments.Numbers("voters")),
                      .outgoing = {},
                      .learners = Ids(arguments.Numbers("learners")),
                      .learners_next = {}};
  if (config.voters.empty()) {
    for (std::uint64_t id = 1; id <= nodes; ++id) {
      if (!config.IsLearner(NodeId{id})) config.voters.emplace_back(id);
    }
  }
  const auto disk = arguments.named.find("disk");
  const bool manual = disk != arguments.named.end() && disk->second == "manual";
  for (std::uint64_t id = 1; id <= nodes; ++id) {
    CoreOptions options = trace.options;
    options.self = NodeId{id};
    options.seed = id;
    trace.cluster().AddMember(options, config);
    if (manual) trace.SetManualDisk(options.self, true);
    trace.After(options.self);
  }
}

void Restart(TraceCluster& trace, NodeId id) {
  trace.ForgetStatus(id);
  trace.cluster().Restart(id, 1000 + ++trace.lives);
  trace.DoAutomaticWork();
}

// preload N log=1,1,4 [term=6] [vote=2]: the terms of the entries on its disk.
void Preload(TraceCluster& trace, const TraceArguments& arguments) {
  const NodeId id = arguments.Node(0);
  HardState hard_state{.term = Term{arguments.Number("term", 0)}, .vote = std::nullopt};
  if (arguments.named.contains("vote")) hard_state.vote = NodeId{arguments.Number("vote", 0)};
  std::vector<Entry> entries;
  for (const std::uint64_t term : arguments.Numbers("log")) {
    Entry entry;
    entry.id = {.term = Term{term}, .index = Index{entries.size() + 1}};
    hard_state.term = std::max(hard_state.term, entry.id.term);
    entries.push_back(std::move(entry));
  }
  trace.cluster().Crash(id, 0);
  trace.cluster().member(id).Preload(hard_state, std::move(entries));
  Restart(trace, id);
}

// options N pre-vote=off ...: restarts it with them (a rolling upgrade).
void ChangeOptions(TraceCluster& trace, const TraceArguments& arguments) {
  const NodeId id = arguments.Node(0);
  TestMember& member = trace.cluster().member(id);
  member.Flush();
  trace.cluster().Crash(id, member.unsynced());
  member.set_options(OptionsFrom(member.options(), arguments));
  Restart(trace, id);
}

// show [N...]
void Show(TraceCluster& trace, const TraceArguments& arguments) {
  std::vector<NodeId> ids;
  for (std::size_t i = 0; i < arguments.words.size(); ++i) ids.push_back(arguments.Node(i));
  if (ids.empty()) ids = trace.cluster().ids();
  for (const NodeId id : ids) {
    TestMember& member = trace.cluster().member(id);
    if (member.up()) {
      trace.Say("{}", DescribeMember(member.core()));
    } else {
      trace.Say("{}: down, on disk term {}, last {}", id, member.durable_hard_state().term,
                Describe(member.durable_last()));
    }
  }
}

// vote N: what it has promised, which show does not tell.
void SayVote(TraceCluster& trace, NodeId id) {
  const CoreState& state = Inspect(trace.cluster().core(id));
  if (state.vote) {
    trace.Say("{}: has voted for {} in term {}", id, *state.vote, state.term);
  } else {
    trace.Say("{}: has no vote in term {}", id, state.term);
  }
}

// stable within=6: time passes for everybody, with the faults that there are, until one leader has lasted for
// two election time-outs and then commits a proposal. `within` is in election time-outs, those two included.
void Stable(TraceCluster& trace, const TraceArguments& arguments) {
  TestCluster& cluster = trace.cluster();
  const std::string before = trace.TakeOutput();
  const auto timeout = static_cast<std::uint64_t>(trace.options.election_ticks);
  const std::uint64_t limit = arguments.Number("within", 6) * timeout;
  std::optional<std::pair<NodeId, Term>> lead;
  std::uint64_t since = 0;
  std::uint64_t tick = 0;
  for (; tick < limit && (!lead || tick - since < 2 * timeout); ++tick) {
    for (const NodeId id : cluster.ids()) {
      if (cluster.member(id).up()) cluster.Tick(id);
    }
    cluster.Settle([&](NodeId id) { return trace.IsManual(id); });
    const std::optional<NodeId> leader = cluster.Leader();
    const auto now = leader ? std::optional(std::pair(*leader, cluster.core(*leader).term())) : std::nullopt;
    if (now != lead) {
      lead = now;
      since = tick;
    }
  }
  bool committed = false;
  if (lead && tick - since >= 2 * timeout) {
    Proposal proposal{.id = {.origin = 1, .sequence = ++trace.proposals},
                      .payload = Payload::FromString("s")};
    Core& core = cluster.core(lead->first);
    core.Propose({&proposal, 1}, trace.now);
    cluster.Collect(lead->first);
    cluster.Settle([&](NodeId id) { return trace.IsManual(id); });
    committed = core.is_leader() && core.status().commit == core.status().last.index;
  }
  trace.TakeOutput();
  trace.Append(before);
  if (!committed) return trace.Say("error: no stable leader\n{}", cluster.Describe());
  trace.Say("{} leads in term {} and commits, stable after {} ticks; a time-out is {}", lead->first,
            lead->second, since + 1, timeout);
}

// The last command of every trace: all faults end, and within a bounded time one leader commits a proposal
// that everybody in its configuration applies.
void Agree(TraceCluster& trace) {
  TestCluster& cluster = trace.cluster();
  trace.TakeOutput();
  cluster.HealAll();
  trace.pockets.clear();
  for (const NodeId id : cluster.ids()) {
    trace.SetManualDisk(id, false);
    if (!cluster.member(id).up()) Restart(trace, id);
  }
  bool proposed = false;
  int round = 0;
  for (; round < 500; ++round) {
    cluster.Settle();
    if (cluster.Disagreement().empty()) {
      if (proposed) break;
      Proposal last{.id = {.origin = 1, .sequence = ++trace.proposals},
                    .payload = Payload::FromString("the end")};
      const NodeId leader = *cluster.Leader();
      proposed = cluster.core(leader).Propose({&last, 1}, trace.now).accepted == 1;
      cluster.Collect(leader);
      continue;
    }
    for (const NodeId id : cluster.ids()) {
      cluster.Tick(id);
      cluster.Settle();
    }
  }
  // How it came to agree is told by the lines above; here only that it did.
  trace.TakeOutput();
  const std::string disagreement = proposed ? cluster.Disagreement() : "no proposal was accepted";
  if (!disagreement.empty()) return trace.Say("no agreement: {}\n{}", disagreement, cluster.Describe());
  const CoreStatus status = cluster.core(*cluster.Leader()).status();
  trace.Say("all of {} agree, {} entries", Describe(status.config), status.commit);
}

}  // namespace

bool RunClusterCommand(TraceCluster& trace, const std::string& command, const TraceArguments& arguments) {
  const NodeId id = arguments.Node(0);
  if (command == "cluster") {
    MakeCluster(trace, arguments);
  } else if (command == "preload") {
    Preload(trace, arguments);
  } else if (command == "options") {
    ChangeOptions(trace, arguments);
  } else if (command == "show") {
    Show(trace, arguments);
  } else if (command == "vote") {
    SayVote(trace, id);
  } else if (command == "stable") {
    Stable(trace, arguments);
  } else if (command == "agree") {
    Agree(trace);
  } else {
    return false;
  }
  return true;
}

}  // namespace cairn::raft
