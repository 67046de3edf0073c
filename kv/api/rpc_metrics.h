#pragma once

#include <absl/status/status.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kv/api/methods.h"

namespace cairn::kv::api {

// What the API counts about its own calls. Written by all pollers on every call, so: plain relaxed atomics
// and no allocation. Thread-safe.
class RpcMetrics {
 public:
  static constexpr std::size_t kCodes = 17;
  // Seconds; the buckets of grpc_server_handling_seconds.
  static constexpr std::array<double, 11> kBuckets = {.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10};
  static constexpr std::size_t kMaxClientVersions = 16;

  void Started(MethodIndex method) { Add(methods_[method].started); }
  void Handled(MethodIndex method, absl::StatusCode code, std::chrono::nanoseconds duration);
  void Received(MethodIndex method, std::size_t bytes) {
    Add(methods_[method].messages_received);
    Add(bytes_received_, bytes);
  }
  void Sent(MethodIndex method, std::size_t bytes) {
    Add(methods_[method].messages_sent);
    Add(bytes_sent_, bytes);
  }
  // A request of a client that named its API version ("" if it did not).
  void CountClient(Shape shape, std::string_view version);
  // A unary call or a streamed range whose client did not wait for the answer.
  void CountGone() { Add(gone_); }
  void CountHealth(bool healthy) { Add(healthy ? health_successes_ : health_failures_); }

  struct PerMethod {
    std::uint64_t started = 0;
    std::array<std::uint64_t, kCodes> handled{};  // By code.
    std::uint64_t messages_received = 0;
    std::uint64_t messages_sent = 0;
    std::array<std::uint64_t, kBuckets.size() + 1> durations{};  // Not cumulative.
    double seconds = 0;
  };
  [[nodiscard]] PerMethod Read(MethodIndex method) const;

  struct ClientVersion {
    std::string version;
    std::uint64_t unary = 0;
    std::uint64_t stream = 0;
  };
  // "unknown" always, first.
  [[nodiscard]] std::vector<ClientVersion> ReadClients() const;

  [[nodiscard]] std::uint64_t bytes_received() const { return Get(bytes_received_); }
  [[nodiscard]] std::uint64_t bytes_sent() const { return Get(bytes_sent_); }
  [[nodiscard]] std::uint64_t gone() const { return Get(gone_); }
  [[nodiscard]] std::uint64_t health_successes() const { return Get(health_successes_); }
  [[nodiscard]] std::uint64_t health_failures() const { return Get(health_failures_); }

 private:
  using Counter = std::atomic<std::uint64_t>;
  static void Add(Counter& counter, std::uint64_t n = 1) { counter.fetch_add(n, std::memory_order_relaxed); }
  static std::uint64_t Get(const Counter& counter) { return counter.load(std::memory_order_relaxed); }

  // A cache line of its own, so that pollers with different methods do not disturb each other.
  struct alignas(64) Counters {
    Counter started{0};
    std::array<Counter, kCodes> handled{};
    Counter messages_received{0};
    Counter messages_sent{0};
    std::array<Counter, kBuckets.size() + 1> durations{};
    Counter nanoseconds{0};
  };
  std::array<Counters, kMethods> methods_;
  Counter bytes_received_{0};
  Counter bytes_sent_{0};
  Counter gone_{0};
  Counter health_successes_{0};
  Counter health_failures_{0};

  // The versions seen so far; the text is the client's choice, so it is short and there are few: others are
  // counted as unknown. A slot is written once, by whoever claims it, and then published.
  struct VersionSlot {
    std::atomic<int> state{0};  // 0 free, 1 being written, 2 readable.
    std::array<char, 16> text{};
    std::size_t length = 0;
    Counter unary{0};
    Counter stream{0};
    [[nodiscard]] std::string_view view() const { return {text.data(), length}; }
  };
  VersionSlot* FindVersion(std::string_view version);
  VersionSlot unknown_version_;
  std::array<VersionSlot, kMaxClientVersions> versions_;
};

}  // namespace cairn::kv::api
