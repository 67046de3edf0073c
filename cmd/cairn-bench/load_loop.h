#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/completion_queue.h>

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cmd/cairn-bench/histogram.h"
#include "cmd/cairn-bench/options.h"
#include "cmd/cairn-bench/workload.h"
#include "kv/client/proto.h"

namespace cairn::bench {

// When measuring begins and ends, shared by all loops. Set by the main thread, and by the loops when the last
// request was handed out.
struct Phase {
  std::atomic<bool> measuring = false;
  std::atomic<bool> stopping = false;
  std::atomic<bool> bounded = false;   // Set before measuring, if `left` counts.
  std::atomic<std::int64_t> left = 0;  // Requests still to be started while measuring.
};

struct Result {
  Histogram latencies;  // Of requests that were started and answered while measuring.
  std::int64_t errors = 0;
  std::map<std::string, std::int64_t> error_texts;    // A few different ones.
  std::chrono::steady_clock::time_point last_answer;  // Measuring ends here, not with a pause after an error.
};

// Some clients of one thread: each starts its next request when its last one was answered. After an error it
// waits first, longer with each one that follows: a node that is gone refuses in microseconds, and asking it
// as fast as that would measure nothing and take the processor from the nodes that are there. Run() is the
// thread.
class LoadLoop {
 public:
  LoadLoop(const Options& options, const std::vector<std::shared_ptr<grpc::Channel>>& channels, int clients,
           Workload workload, Phase& phase);
  ~LoadLoop();

  LoadLoop(const LoadLoop&) = delete;
  LoadLoop& operator=(const LoadLoop&) = delete;

  // Until the phase says so and nothing is under way any more.
  void Run();

  // After Run().
  const Result& result() const { return result_; }

 private:
  struct Client;

  // Each says whether the client will be seen on the queue again.
  bool Start(Client& client);
  bool Pause(Client& client);
  bool OnEvent(Client& client);
  void OnDone(Client& client);
  // Whether one more request may be started, and whether it is measured.
  bool Admit(Client& client);

  const Options& options_;
  Workload workload_;
  Phase& phase_;
  grpc::CompletionQueue queue_;
  std::vector<std::unique_ptr<kv::client::pb::KV::Stub>> stubs_;
  std::vector<std::unique_ptr<Client>> clients_;
  Result result_;
};

}  // namespace cairn::bench
