#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <list>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "kv/api/server.h"
#include "kv/api/unique_fd.h"

namespace cairn::kv::api {

// The listening sockets of the client port. One thread accepts, reads the first bytes of each connection and
// hands it on to whoever speaks its protocol, together with what was read. Connections that stay silent are
// closed after a deadline; when there are too many of those, the oldest is closed first, so that a flood of
// silent connections cannot keep out a client that speaks.
class Acceptor {
 public:
  struct Options {
    std::vector<ListenAddress> listen;
    std::size_t max_half_open = 1024;
    std::chrono::milliseconds half_open_deadline = std::chrono::seconds(10);
    // A connection whose descriptor would have this number or a greater one is closed at once: what is above
    // belongs to the log, the store and the other members.
    int max_descriptor = std::numeric_limits<int>::max();
  };
  // Called on the acceptor's thread with a non-blocking socket; must not block.
  using Receiver = std::function<void(UniqueFd socket, std::string first_bytes)>;

  // Binds all addresses. Unavailable, with address and reason, if one cannot be bound.
  static absl::StatusOr<std::unique_ptr<Acceptor>> Bind(Options options);

  ~Acceptor();  // Stops.

  // Starts accepting. Once.
  void Start(Receiver http2, Receiver http1);
  // Closes the sockets and joins the thread; no receiver is called afterwards. May be called again.
  void Stop();

  [[nodiscard]] const std::vector<std::uint16_t>& ports() const { return ports_; }

  // For metrics and tests; thread-safe.
  [[nodiscard]] std::size_t half_open() const { return half_open_count_.load(std::memory_order_relaxed); }

 private:
  using Clock = std::chrono::steady_clock;
  struct HalfOpen {
    UniqueFd socket;
    std::string bytes;
    Clock::time_point deadline;
  };

  explicit Acceptor(Options options) : options_(std::move(options)) {}
  absl::Status BindOne(const ListenAddress& address);
  void Run();
  void AcceptAll(int listener);
  void Admit(UniqueFd socket);
  void ReadFirstBytes(int fd);
  HalfOpen Take(std::list<HalfOpen>::iterator connection);  // Dropping the result closes it.
  void DropExpired(Clock::time_point now);
  void SetListening(bool on);
  [[nodiscard]] int WaitMilliseconds(Clock::time_point now) const;

  const Options options_;
  std::vector<UniqueFd> listeners_;
  std::vector<std::uint16_t> ports_;
  UniqueFd epoll_;
  UniqueFd stop_event_;
  Receiver http2_;
  Receiver http1_;
  std::thread thread_;

  // The thread's own. In order of arrival, which is the order of deadlines.
  std::list<HalfOpen> half_open_;
  std::unordered_map<int, std::list<HalfOpen>::iterator> by_fd_;
  Clock::time_point resume_at_{};  // Out of descriptors: accept again then.
  bool listening_ = false;
  std::atomic<std::size_t> half_open_count_{0};
};

}  // namespace cairn::kv::api
