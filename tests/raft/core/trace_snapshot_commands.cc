#include <utility>

#include "tests/raft/core/trace_cluster.h"
#include "tests/raft/core/trace_describe.h"

// compact, snapshot, give, install.
namespace cairn::raft {
namespace {

// snapshot 1->2 [fails] [unreported]: the transfer under way ends; unreported: without anybody telling the
// sender.
void EndTransfer(TraceCluster& trace, const TraceArguments& arguments) {
  TestCluster& cluster = trace.cluster();
  const auto link = TraceCluster::LinkOf(arguments.Word(0));
  auto& transits = cluster.snapshots();
  const auto at = std::find_if(transits.begin(), transits.end(), [&](const SnapshotTransit& transit) {
    return link && transit.from == link->first && transit.to == link->second;
  });
  if (at == transits.end()) return trace.Say("no snapshot is on its way");
  const SnapshotTransit transit = std::move(*at);
  transits.erase(at);
  trace.Say("{}->{}: snapshot {}", transit.from, transit.to, Describe(transit.meta.last));
  if (arguments.Word(1) == "unreported") return;
  cluster.FinishSnapshot(transit, arguments.Word(1) != "fails");
  trace.DoAutomaticWork();
}

// give 2 from=1 at=5 entry-term=1 term=1 voters=1,2,3 [learners=] [outgoing=]: a snapshot made by hand.
void Give(TraceCluster& trace, const TraceArguments& arguments) {
  const NodeId id = arguments.Node(0);
  SnapshotMeta meta{
      .last = {.term = Term{arguments.Number("entry-term", 1)}, .index = Index{arguments.Number("at", 0)}},
      .config = {},
      .time = trace.now};
  for (const std::uint64_t voter : arguments.Numbers("voters")) meta.config.voters.emplace_back(voter);
  for (const std::uint64_t voter : arguments.Numbers("outgoing")) meta.config.outgoing.emplace_back(voter);
  for (const std::uint64_t learner : arguments.Numbers("learners"))
    meta.config.learners.emplace_back(learner);
  trace.cluster().core(id).Step(
      NodeId{arguments.Number("from", 1)},
      {.term = Term{arguments.Number("term", 1)}, .body = InstallSnapshot{.meta = meta}});
  trace.After(id);
}

}  // namespace

bool RunSnapshotCommand(TraceCluster& trace, const std::string& command, const TraceArguments& arguments) {
  TestCluster& cluster = trace.cluster();
  const NodeId id = arguments.Node(0);
  if (command == "compact") {
    // compact N [to=INDEX]: flushes, and drops the log up to there; else all that is applied.
    cluster.member(id).Flush();
    cluster.member(id).Compact(
        Index{arguments.Number("to", cluster.member(id).store().flushed.last.index.value())});
    trace.After(id);
  } else if (command == "snapshot") {
    EndTransfer(trace, arguments);
  } else if (command == "give") {
    Give(trace, arguments);
  } else if (command == "install") {
    // install N [store]: a manual disk finishes it; store: only the first half, before the log is reset.
    if (arguments.Word(1) == "store") {
      cluster.member(id).InstallStore();
    } else {
      cluster.FinishInstall(id);
      trace.DoAutomaticWork();
    }
  } else {
    return false;
  }
  return true;
}

}  // namespace cairn::raft
