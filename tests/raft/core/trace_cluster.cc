#include "tests/raft/core/trace_cluster.h"

#include <charconv>
#include <sstream>

#include "raft/core/core_state.h"
#include "tests/raft/core/trace_describe.h"

namespace cairn::raft {
namespace {

std::uint64_t ToNumber(std::string_view text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

TraceArguments TraceArguments::Parse(std::string_view line) {
  TraceArguments arguments;
  std::istringstream in{std::string(line)};
  for (std::string word; in >> word;) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos) {
      arguments.words.push_back(word);
    } else {
      arguments.named[word.substr(0, equals)] = word.substr(equals + 1);
    }
  }
  return arguments;
}

std::string TraceArguments::Word(std::size_t place) const { return place < words.size() ? words[place] : ""; }

NodeId TraceArguments::Node(std::size_t place) const { return NodeId{ToNumber(Word(place))}; }

std::uint64_t TraceArguments::Number(std::string_view name, std::uint64_t otherwise) const {
  const auto at = named.find(std::string(name));
  return at == named.end() ? otherwise : ToNumber(at->second);
}

bool TraceArguments::On(std::string_view name, bool otherwise) const {
  const auto at = named.find(std::string(name));
  return at == named.end() ? otherwise : at->second == "on";
}

std::vector<std::uint64_t> TraceArguments::Numbers(std::string_view name) const {
  std::vector<std::uint64_t> numbers;
  const auto at = named.find(std::string(name));
  if (at == named.end()) return numbers;
  std::istringstream in(at->second);
  for (std::string part; std::getline(in, part, ',');) numbers.push_back(ToNumber(part));
  return numbers;
}

TraceCluster::TraceCluster() : cluster_([this](NodeId id, const Output& output) { SayEvents(id, output); }) {
  options.heartbeat_ticks = 2;
  options.election_ticks = 10;
}

void TraceCluster::SayEvents(NodeId id, const Output& output) {
  const Core& core = cluster_.core(id);
  const CoreStatus status = core.status();
  const bool is_first = !seen_.contains(id);
  Seen& seen = seen_[id];
  if (is_first) seen = {.role = DescribeRole(status), .config = status.config, .written = Index{~0ULL}};
  const std::string waiting = manual_disks_.contains(id) ? ", waiting for disk" : "";

  if (const std::string role = DescribeRole(status); role != seen.role) {
    seen.role = role;
    Say("{}: {}", id, role);
  }
  if (output.hard_state && output.hard_state->vote && *output.hard_state->vote != id) {
    Say("{}: votes for {} in term {}{}", id, *output.hard_state->vote, output.hard_state->term, waiting);
  }
  if (!output.entries.empty()) {
    const Index first = output.entries.front().id.index;
    std::string text;
    for (const Entry& entry : output.entries) text += fmt::format(" {}", Describe(entry.id));
    Say("{}: {}{}{}", id, first <= seen.written && !is_first ? "replaces the log's end by" : "appends", text,
        waiting);
  }
  seen.written = status.last.index;
  if (!(status.config == seen.config)) {
    seen.config = status.config;
    Say("{}: now has {}", id, Describe(status.config));
  }
  if (status.commit != seen.commit) {
    if (!is_first) Say("{}: commits up to {}", id, status.commit);
    seen.commit = status.commit;
  }
  for (const ReadReady& read : output.reads) {
    if (read.confirmed) {
      Say("{}: read {} confirmed at {}", id, read.token, read.index);
    } else {
      Say("{}: read {} not confirmed", id, read.token);
    }
  }
  for (const SnapshotNeeded& needed : output.snapshots_needed)
    Say("{}: has to send {} a snapshot", id, needed.to);
  if (output.install) Say("{}: installs snapshot {}{}", id, Describe(output.install->last), waiting);
}

void TraceCluster::After(NodeId id) {
  cluster_.Collect(id);
  DoAutomaticWork();
}

void TraceCluster::DoAutomaticWork() {
  bool busy = true;
  while (busy) {
    busy = false;
    for (const NodeId id : cluster_.ids()) {
      TestMember& member = cluster_.member(id);
      if (!member.up() || IsManual(id)) continue;
      if (member.installing()) {
        cluster_.FinishInstall(id);
        busy = true;
      }
      if (member.unsynced() > 0) {
        cluster_.Sync(id, member.unsynced());
        busy = true;
      }
      if (member.unapplied() > 0) {
        cluster_.Apply(id, member.unapplied());
        busy = true;
      }
    }
  }
}

void TraceCluster::SetManualDisk(NodeId id, bool manual) {
  if (manual) {
    manual_disks_.insert(id);
  } else {
    manual_disks_.erase(id);
    DoAutomaticWork();
  }
}

bool TraceCluster::Matches(const Envelope& envelope, std::string_view link) {
  if (link == "all") return true;
  const std::size_t arrow = link.find("->");
  if (arrow == std::string_view::npos) return false;
  const std::string_view from = link.substr(0, arrow);
  const std::string_view to = link.substr(arrow + 2);
  return (from == "*" || ToNumber(from) == envelope.from.value()) &&
         (to == "*" || ToNumber(to) == envelope.to.value());
}

std::optional<std::pair<NodeId, NodeId>> TraceCluster::LinkOf(std::string_view text) {
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const bool one_way = text.substr(dash).starts_with("->");
  return std::pair(NodeId{ToNumber(text.substr(0, dash))},
                   NodeId{ToNumber(text.substr(dash + (one_way ? 2 : 1)))});
}

}  // namespace cairn::raft
