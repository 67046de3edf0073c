#include "tests/raft/core/trace_cluster.h"
#include "tests/raft/core/trace_describe.h"

// disk, sync, apply, flush, crash, restart.
namespace cairn::raft {

bool RunDiskCommand(TraceCluster& trace, const std::string& command, const TraceArguments& arguments) {
  TestCluster& cluster = trace.cluster();
  const NodeId id = arguments.Node(0);
  if (command == "disk") {
    // disk N manual|auto
    trace.SetManualDisk(id, arguments.Word(1) == "manual");
  } else if (command == "sync") {
    // sync N [writes=K]
    cluster.Sync(id, arguments.Number("writes", cluster.member(id).unsynced()));
    trace.DoAutomaticWork();
  } else if (command == "apply") {
    // apply N [entries=K]
    cluster.Apply(id, arguments.Number("entries", cluster.member(id).unapplied()));
    trace.DoAutomaticWork();
    trace.Say("{}: has applied up to {}", id, cluster.core(id).status().applied);
  } else if (command == "flush") {
    cluster.member(id).Flush();
  } else if (command == "crash") {
    // crash N [kept=K]: the first K writes under way still reached the disk. kept=all: all of them did.
    const auto kept = arguments.named.find("kept");
    const bool all = kept != arguments.named.end() && kept->second == "all";
    cluster.Crash(id, all ? cluster.member(id).unsynced() : arguments.Number("kept", 0));
  } else if (command == "restart") {
    trace.ForgetStatus(id);
    cluster.Restart(id, 1000 + ++trace.lives);
    trace.DoAutomaticWork();
    trace.Say("{}", DescribeMember(cluster.core(id)));
  } else {
    return false;
  }
  return true;
}

}  // namespace cairn::raft
