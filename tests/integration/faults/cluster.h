#pragma once

#include <absl/status/statusor.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kv/client/client.h"
#include "tests/integration/faults/options.h"
#include "tests/integration/faults/process.h"

namespace cairn::faults {

// Set by SIGINT and SIGTERM, or when the time is up: everything ends at its next step.
extern std::atomic<bool> interrupted;

// The processes and a client that knows all of them. Processes are for the main thread only; the client is
// for all.
class Cluster {
 public:
  Cluster(const Options& options, const std::string& directory);

  // An error that names the first port that another program has. REQUIRES: no process runs.
  absl::Status CheckPorts() const;
  absl::Status StartAll();
  absl::Status Start(std::size_t node) { return processes_[node]->Start(); }
  // SIGKILL, and waits for the end.
  void Kill(std::size_t node);
  void Signal(std::size_t node, int signal) { processes_[node]->Signal(signal); }
  bool running(std::size_t node) const { return processes_[node]->running(); }

  // Until `node` answers a linearizable read.
  absl::Status WaitServing(std::size_t node, std::chrono::milliseconds patience);
  absl::Status WaitAllServing(std::chrono::milliseconds patience);
  // Which node leads; asks all, and waits until one says so and a majority agrees with it.
  absl::StatusOr<std::size_t> FindLeader(std::chrono::milliseconds patience);
  // An error if a process ended that nobody killed.
  absl::Status CheckAlive();

  std::size_t size() const { return processes_.size(); }
  const std::vector<kv::client::Endpoint>& endpoints() const { return endpoints_; }
  kv::client::Client& client() { return *client_; }

 private:
  std::vector<std::uint16_t> ports_;
  std::vector<std::unique_ptr<Process>> processes_;
  std::vector<kv::client::Endpoint> endpoints_;
  std::unique_ptr<kv::client::Client> client_;
};

// Sleeps, but not beyond an interruption; false if there was one.
bool Pause(std::chrono::milliseconds time);

}  // namespace cairn::faults
