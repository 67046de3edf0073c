#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kv/client/endpoint.h"

namespace cairn::bench {

enum class Operation { kPut, kGet };

// Which node a channel goes to.
enum class Target {
  kAll,       // Channels are dealt out to the endpoints in turn.
  kLeader,    // All to the leader.
  kFollower,  // Dealt out to the others.
};

struct Options {
  Operation operation = Operation::kPut;
  std::vector<kv::client::Endpoint> endpoints;
  Target target = Target::kAll;
  int clients = 64;        // Requests under way at any time.
  int channels = 0;        // Connections; 0: clients / 16, at least one per endpoint, at most 16.
  int threads = 0;         // 0: one per two cores, at least 1.
  std::int64_t total = 0;  // Requests to measure; 0: by duration.
  std::optional<std::chrono::milliseconds> duration;
  std::chrono::milliseconds warm_up{1000};    // Not measured.
  std::chrono::milliseconds timeout{10'000};  // Deadline of each request.
  std::size_t key_size = 16;
  std::size_t value_size = 256;
  std::int64_t key_space = 100'000;  // Keys are chosen from this many.
  bool sequential_keys = false;
  bool serializable = false;  // For get.
  bool json = false;
  std::uint64_t seed = 1;
};

struct ParseResult {
  Options options;
  std::optional<int> exit_code;  // Help was printed, or what is wrong.
};
ParseResult ParseOptions(int argc, char** argv);

}  // namespace cairn::bench
