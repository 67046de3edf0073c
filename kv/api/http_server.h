#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/functional/any_invocable.h>
#include <absl/synchronization/mutex.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "kv/api/http_request.h"
#include "kv/api/unique_fd.h"

namespace cairn::kv::api {

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

// A small HTTP/1.1 server on one thread, for the few paths that are asked for by hand, by probes and by
// Prometheus. It does not listen: connections come from the acceptor. Everything is bounded: connections,
// bytes and time per request; what exceeds a bound is refused or closed.
class HttpServer {
 public:
  // Takes the answer to one request, once, from any thread. May outlive connection and server.
  using Respond = absl::AnyInvocable<void(HttpResponse)>;
  // On the server's thread; must not block. If it keeps `respond`, the connection waits for it.
  using Handler = std::function<void(const HttpRequest& request, Respond respond)>;

  struct Options {
    std::size_t max_connections = 256;
    std::chrono::milliseconds read_deadline = std::chrono::seconds(10);   // For one request, idling included.
    std::chrono::milliseconds write_deadline = std::chrono::seconds(30);  // For one response.
    std::chrono::milliseconds handler_deadline = std::chrono::seconds(15);
  };

  HttpServer(Options options, Handler handler);
  ~HttpServer();  // Stops.

  // Thread-safe.
  void Add(UniqueFd socket, std::string first_bytes);
  // Runs a job on the server's thread, or drops it if the server is stopped or destroyed. Thread-safe;
  // copies of it may outlive the server.
  using Post = std::function<void(absl::AnyInvocable<void()> job)>;
  [[nodiscard]] Post poster() const;
  // Closes all connections and joins. May be called again.
  void Stop();

 private:
  using Clock = std::chrono::steady_clock;
  using ConnectionId = std::uint64_t;

  struct Connection {
    enum class State : std::uint8_t { kReading, kHandling, kWriting };
    UniqueFd socket;
    State state = State::kReading;
    std::string in;
    std::size_t skip = 0;  // Bytes of a body still to be thrown away.
    std::string out;
    std::size_t written = 0;
    bool keep_alive = true;
    Clock::time_point deadline;
  };

  // What other threads may reach, alive as long as any Respond is.
  struct Inbox {
    absl::Mutex mu;
    std::vector<absl::AnyInvocable<void()>> jobs ABSL_GUARDED_BY(mu);
    bool stopped ABSL_GUARDED_BY(mu) = false;
    UniqueFd event;
    void Push(absl::AnyInvocable<void()> job);
  };

  void Run();
  void RunJobs();
  void Open(UniqueFd socket, std::string first_bytes);
  void OnReady(ConnectionId id, std::uint32_t events);
  void ReadSome(ConnectionId id, Connection& connection);
  void Advance(ConnectionId id, Connection& connection);  // Parses and handles what has been read.
  void Handle(ConnectionId id, Connection& connection, const HttpRequest& request);
  void StartResponse(ConnectionId id, Connection& connection, const HttpResponse& response);
  void WriteSome(ConnectionId id, Connection& connection);
  // False, and the connection closed, if the kernel refuses.
  bool WaitFor(Connection& connection, ConnectionId id, std::uint32_t events);
  void Close(ConnectionId id) { connections_.erase(id); }
  void CloseExpired();
  void MakeRoom();

  const Options options_;
  const Handler handler_;
  const std::shared_ptr<Inbox> inbox_;
  UniqueFd epoll_;
  bool stopping_ = false;                           // The thread's own.
  std::map<ConnectionId, Connection> connections_;  // The thread's own. In order of arrival.
  ConnectionId next_id_ = 1;
  std::thread thread_;
};

}  // namespace cairn::kv::api
