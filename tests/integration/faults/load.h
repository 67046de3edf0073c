#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/integration/faults/cluster.h"
#include "tests/integration/faults/history.h"
#include "tests/integration/faults/key_board.h"

namespace cairn::faults {

struct LoadCounters {
  std::atomic<std::int64_t> acknowledged = 0;
  std::atomic<std::int64_t> unknown = 0;  // Writes without an answer.
  std::atomic<std::int64_t> refused = 0;  // Writes that certainly did not happen.
  std::atomic<std::int64_t> reads = 0;
  std::atomic<std::int64_t> failed_reads = 0;
  std::atomic<std::int64_t> resumptions = 0;  // Of watches.
  std::atomic<std::int64_t> events = 0;       // Seen by all watchers together.
};

// Writers, a reader and a watcher for each node. Each has a thread of its own and keeps to its node, but for
// the watchers, which go elsewhere when theirs dies. What is wrong goes to the verdict. Ends in two steps:
// writers and readers first, watchers when they have seen everything.
class Load {
 public:
  Load(Cluster& cluster, History& history, KeyBoard& board, Verdict& verdict, int writers_per_node);
  ~Load();

  void StopWritersAndReaders();
  // Until every watcher has seen `revision`; violations name those that have not. Then ends them.
  void FinishWatchers(std::int64_t revision, std::chrono::milliseconds patience);

  const LoadCounters& counters() const { return counters_; }

 private:
  struct WatcherState {
    std::unique_ptr<kv::client::Watcher> watcher;
    std::atomic<std::int64_t> seen = 0;  // All up to this revision.
  };

  void WriteLoop(std::size_t node, std::size_t number);
  void ReadLoop(std::size_t node);
  void WatchLoop(std::size_t node);
  void OnEvents(std::size_t node, const kv::client::pb::WatchResponse& response);
  void CheckRead(std::size_t node, const std::string& key, const KeyBoard::State& before,
                 std::int64_t revision_before, const kv::client::pb::RangeResponse& response);

  Cluster& cluster_;
  History& history_;
  KeyBoard& board_;
  Verdict& verdict_;
  LoadCounters counters_;
  std::atomic<bool> stop_ = false;
  std::atomic<bool> stop_watching_ = false;
  std::vector<WatcherState> watchers_;
  std::vector<std::thread> workers_;
  std::vector<std::thread> watcher_threads_;
};

// Where all keys of a run are.
inline constexpr char kPrefix[] = "faults/";

}  // namespace cairn::faults
