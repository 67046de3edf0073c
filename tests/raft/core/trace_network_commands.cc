#include <algorithm>
#include <utility>
#include <vector>

#include "tests/raft/core/trace_cluster.h"
#include "tests/raft/core/trace_describe.h"

// deliver, drop, duplicate, newest-first, hold, release, flight, settle, cut, isolate, heal.
namespace cairn::raft {
namespace {

// Takes messages on a link out of the network: those that are there now, not those that follow from them.
std::vector<Envelope> Take(TraceCluster& trace, const TraceArguments& arguments) {
  const std::string link = arguments.Word(0);
  const std::uint64_t most = arguments.Number("count", ~0ULL);
  std::vector<Envelope> taken;
  std::erase_if(trace.cluster().network(), [&](const Envelope& envelope) {
    if (taken.size() >= most || !TraceCluster::Matches(envelope, link)) return false;
    taken.push_back(envelope);
    return true;
  });
  return taken;
}

// deliver LINK [count=N]
void Deliver(TraceCluster& trace, const TraceArguments& arguments) {
  for (Envelope& envelope : Take(trace, arguments)) {
    trace.Say("{}", Describe(envelope));
    trace.cluster().Deliver(std::move(envelope));
    trace.DoAutomaticWork();
  }
}

// Until nothing moves any more; tells what came of it, not each message.
void Settle(TraceCluster& trace) {
  trace.cluster().Settle([&](NodeId id) { return trace.IsManual(id); });
}

// cut 1->2 (one way), cut 1-2
void CutOrHeal(TraceCluster& trace, const TraceArguments& arguments, bool cut) {
  for (const std::string& word : arguments.words) {
    const auto link = TraceCluster::LinkOf(word);
    if (!link) continue;
    const auto [a, b] = *link;
    const bool one_way = word.find('>') != std::string::npos;
    if (cut) {
      trace.cluster().Cut(a, b);
      if (!one_way) trace.cluster().Cut(b, a);
    } else {
      trace.cluster().Heal(a, b);
      if (!one_way) trace.cluster().Heal(b, a);
    }
  }
}

// isolate 1 [2...]: the named ones from all the others.
void Isolate(TraceCluster& trace, const TraceArguments& arguments) {
  std::vector<NodeId> inside;
  for (std::size_t i = 0; i < arguments.words.size(); ++i) inside.push_back(arguments.Node(i));
  for (const NodeId a : inside) {
    for (const NodeId b : trace.cluster().ids()) {
      if (std::find(inside.begin(), inside.end(), b) != inside.end()) continue;
      trace.cluster().Cut(a, b);
      trace.cluster().Cut(b, a);
    }
  }
}

}  // namespace

bool RunNetworkCommand(TraceCluster& trace, const std::string& command, const TraceArguments& arguments) {
  auto& network = trace.cluster().network();
  if (command == "deliver") {
    Deliver(trace, arguments);
  } else if (command == "drop") {
    for (const Envelope& envelope : Take(trace, arguments)) trace.Say("lost: {}", Describe(envelope));
  } else if (command == "duplicate") {
    std::vector<Envelope> copies;
    std::copy_if(network.begin(), network.end(), std::back_inserter(copies), [&](const Envelope& envelope) {
      return TraceCluster::Matches(envelope, arguments.Word(0));
    });
    network.insert(network.end(), copies.begin(), copies.end());
  } else if (command == "newest-first") {
    std::vector<Envelope> taken = Take(trace, arguments);
    network.insert(network.end(), taken.rbegin(), taken.rend());
  } else if (command == "hold") {
    // hold LINK as=NAME: kept back until `release NAME`.
    auto& pocket = trace.pockets[arguments.named.at("as")];
    for (Envelope& envelope : Take(trace, arguments)) pocket.push_back(std::move(envelope));
  } else if (command == "release") {
    std::vector<Envelope> pocket = std::move(trace.pockets[arguments.Word(0)]);
    network.insert(network.begin(), pocket.begin(), pocket.end());
    trace.pockets.erase(arguments.Word(0));
  } else if (command == "flight") {
    for (const Envelope& envelope : network) trace.Say("{}", Describe(envelope));
  } else if (command == "settle") {
    Settle(trace);
  } else if (command == "cut") {
    CutOrHeal(trace, arguments, true);
  } else if (command == "isolate") {
    Isolate(trace, arguments);
  } else if (command == "heal") {
    if (arguments.words.empty()) trace.cluster().HealAll();
    CutOrHeal(trace, arguments, false);
  } else {
    return false;
  }
  return true;
}

}  // namespace cairn::raft
