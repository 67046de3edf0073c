// cairn-bench: see README.md in this folder.

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <thread>
#include <vector>

#include "cmd/cairn-bench/load_loop.h"
#include "cmd/cairn-bench/options.h"
#include "cmd/cairn-bench/report.h"
#include "cmd/cairn-bench/target.h"
#include "raft/base/status.h"

namespace cairn::bench {
namespace {

using Clock = std::chrono::steady_clock;

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// A connection each, dealt out to the endpoints; all are up before anything is measured.
absl::StatusOr<std::vector<std::shared_ptr<grpc::Channel>>> Connect(
    const std::vector<kv::client::Endpoint>& endpoints, int count) {
  std::vector<std::shared_ptr<grpc::Channel>> channels;
  for (int i = 0; i < count; ++i) {
    const kv::client::Endpoint& endpoint = endpoints[static_cast<std::size_t>(i) % endpoints.size()];
    channels.push_back(kv::client::MakeChannel(endpoint, {.own_connection = true}));
    channels.back()->GetState(/*try_to_connect=*/true);
  }
  const auto deadline = std::chrono::system_clock::now() + std::chrono::seconds(5);
  for (std::size_t i = 0; i < channels.size(); ++i) {
    if (channels[i]->WaitForConnected(deadline)) continue;
    return absl::UnavailableError(
        fmt::format("cannot connect to {}: check that a node is running there, or name "
                    "others with --endpoints",
                    endpoints[i % endpoints.size()].name));
  }
  return channels;
}

// Clients and channels are dealt out to the threads; each loop has at least one channel.
std::vector<std::unique_ptr<LoadLoop>> MakeLoops(const Options& options,
                                                 const std::vector<std::shared_ptr<grpc::Channel>>& channels,
                                                 Phase& phase) {
  std::vector<std::unique_ptr<LoadLoop>> loops;
  for (int thread = 0; thread < options.threads; ++thread) {
    std::vector<std::shared_ptr<grpc::Channel>> own;
    for (std::size_t i = static_cast<std::size_t>(thread); i < channels.size();
         i += static_cast<std::size_t>(options.threads)) {
      own.push_back(channels[i]);
    }
    const int clients =
        options.clients / options.threads + (thread < options.clients % options.threads ? 1 : 0);
    loops.push_back(std::make_unique<LoadLoop>(options, std::move(own), clients,
                                               Workload(options, thread, options.threads), phase));
  }
  return loops;
}

int Main(int argc, char** argv) {
  const ParseResult parsed = ParseOptions(argc, argv);
  if (parsed.exit_code.has_value()) return *parsed.exit_code;
  const Options& options = parsed.options;
  const auto fail = [](const absl::Status& status) {
    fmt::print(stderr, "Error: {}\n", MessageOf(status));
    return 1;
  };
  const auto endpoints = ResolveTarget(options);
  if (!endpoints.ok()) return fail(endpoints.status());
  const auto channels = Connect(*endpoints, options.channels);
  if (!channels.ok()) return fail(channels.status());

  Phase phase;
  const std::vector<std::unique_ptr<LoadLoop>> loops = MakeLoops(options, *channels, phase);
  std::vector<std::thread> threads;
  for (const std::unique_ptr<LoadLoop>& loop : loops) threads.emplace_back([&loop] { loop->Run(); });

  std::this_thread::sleep_for(options.warm_up);
  Figures figures;
  const double cpu_before = CpuSeconds();
  const Clock::time_point start = Clock::now();
  phase.left = options.total;
  phase.bounded = options.total > 0;
  phase.measuring = true;
  if (options.duration.has_value()) {
    std::this_thread::sleep_for(*options.duration);
    phase.stopping = true;
  }
  // The requests still under way are waited for and count: they were started while measuring.
  for (std::thread& thread : threads) thread.join();
  Clock::time_point end = start;
  for (const std::unique_ptr<LoadLoop>& loop : loops) end = std::max(end, loop->result().last_answer);
  figures.seconds = std::chrono::duration<double>(end - start).count();
  figures.cpu_seconds = CpuSeconds() - cpu_before;

  Result result;
  for (const std::unique_ptr<LoadLoop>& loop : loops) {
    result.latencies.Merge(loop->result().latencies);
    result.errors += loop->result().errors;
    for (const auto& [text, count] : loop->result().error_texts) result.error_texts[text] += count;
  }
  const std::string report =
      options.json ? JsonReport(options, result, figures) : TextReport(options, result, figures);
  std::fwrite(report.data(), 1, report.size(), stdout);
  return result.latencies.count() > 0 && result.errors == 0 ? 0 : 1;
}

}  // namespace
}  // namespace cairn::bench

int main(int argc, char** argv) { return cairn::bench::Main(argc, argv); }
