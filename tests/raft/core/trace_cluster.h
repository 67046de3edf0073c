#pragma once

#include <fmt/format.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "raft/base/types.h"
#include "raft/core/core.h"
#include "tests/raft/core/test_cluster.h"

namespace cairn::raft {

// The words of a command: plain ones, and name=value ones.
struct TraceArguments {
  std::vector<std::string> words;
  std::map<std::string, std::string> named;

  static TraceArguments Parse(std::string_view line);
  [[nodiscard]] std::string Word(std::size_t place) const;
  [[nodiscard]] NodeId Node(std::size_t place) const;
  [[nodiscard]] std::uint64_t Number(std::string_view name, std::uint64_t otherwise) const;
  [[nodiscard]] bool On(std::string_view name, bool otherwise) const;  // name=on, name=off
  [[nodiscard]] std::vector<std::uint64_t> Numbers(std::string_view name) const;
};

// What the commands of a trace work on: a cluster, and the text of what happened in it. Disks and state
// machines that are not `manual` do their work at once.
class TraceCluster {
 public:
  TraceCluster();

  [[nodiscard]] TestCluster& cluster() { return cluster_; }

  template <typename... Arguments>
  void Say(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    output_ += fmt::format(format, std::forward<Arguments>(arguments)...);
    output_ += '\n';
  }

  void Append(std::string_view text) { output_ += text; }

  // What was said since the last call.
  std::string TakeOutput() { return std::exchange(output_, {}); }

  // After each input: collects, and lets automatic disks and state machines do their work.
  void After(NodeId id);
  void DoAutomaticWork();

  void SetManualDisk(NodeId id, bool manual);
  [[nodiscard]] bool IsManual(NodeId id) const { return manual_disks_.contains(id); }
  void ForgetStatus(NodeId id) { seen_.erase(id); }

  // Whether `envelope` matches "1->2", "1->*", "*->2" or "all".
  static bool Matches(const Envelope& envelope, std::string_view link);
  // Both ends of "1->2" (one way) or "1-2"; empty if it is neither.
  static std::optional<std::pair<NodeId, NodeId>> LinkOf(std::string_view text);

  std::map<std::string, std::vector<Envelope>> pockets;  // Messages held back, by name.
  CoreOptions options;                                   // What `cluster` was told; members differ in `self`.
  ClusterTime now{1};
  std::uint64_t proposals = 0;
  std::uint64_t lives = 0;  // Seeds each restart anew.

 private:
  void SayEvents(NodeId id, const Output& output);

  struct Seen {
    std::string role;
    Index commit{};
    MemberConfig config;
    Index written;  // The end of the log at the last output.
  };

  std::string output_;
  std::map<NodeId, Seen> seen_;
  std::set<NodeId> manual_disks_;
  TestCluster cluster_;
};

// One source file for each group of commands. Each returns false if the command is not one of its own.
bool RunClusterCommand(TraceCluster& trace, const std::string& command, const TraceArguments& arguments);
bool RunNetworkCommand(TraceCluster& trace, const std::string& command, const TraceArguments& arguments);
bool RunDiskCommand(TraceCluster& trace, const std::string& command, const TraceArguments& arguments);
bool RunClientCommand(TraceCluster& trace, const std::string& command, const TraceArguments& arguments);
bool RunSnapshotCommand(TraceCluster& trace, const std::string& command, const TraceArguments& arguments);

}  // namespace cairn::raft
