#pragma once

#include <absl/functional/any_invocable.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kv/model/member.h"
#include "kv/model/revision.h"
#include "kv/store/reader.h"
#include "kv/watch/hub.h"
#include "raft/replica/group.h"
#include "raft/replica/metrics.h"
#include "raft/transport/stats.h"

namespace cairn::kv {

struct ListenAddress {
  std::string host;        // A name or a literal address; empty: all interfaces.
  std::uint16_t port = 0;  // 0: any free one (see ApiServer::ports()).
};

struct ApiOptions {
  std::vector<ListenAddress> listen;

  std::string etcd_version = "3.6.0";  // What Status and /version report: three integers, no suffix.
  std::string build_version = "0";     // Ours, for the metric cairn_build_info.

  std::size_t max_request_bytes = 1536 << 10;  // An encoded proposal; more is "request is too large".
  // What a gRPC message may have, whatever is in it.
  [[nodiscard]] std::size_t receive_limit() const { return max_request_bytes + (512 << 10); }
  std::int64_t max_txn_ops = 128;                    // Per list of a transaction; nested ones share it.
  std::int64_t quota_bytes = std::int64_t{2} << 30;  // Reported by Status.

  // Of one Range or read-only transaction; a larger answer is refused with ResourceExhausted.
  std::size_t max_response_bytes = std::size_t{256} << 20;
  // Of all answers being sent; beyond this no further large one is: "too many requests".
  std::size_t max_response_bytes_in_flight = std::size_t{512} << 20;
  // A large answer that its client has not taken by then is given up; that of a watch, above receive_limit(),
  // with its stream.
  std::chrono::milliseconds large_answer_deadline = std::chrono::seconds(60);
  // Unary requests begun and not yet answered, and their bytes; beyond either "too many requests".
  std::size_t max_requests_in_flight = 16384;
  std::size_t max_request_bytes_in_flight = std::size_t{256} << 20;
  // Streams open at once; beyond this "too many requests".
  std::size_t max_streams = 100'000;
  // Calls open at once on one connection; a client that knows HTTP/2 waits, any other is disconnected.
  int max_calls_per_connection = 16384;
  // What gRPC may hold for all connections together before it takes streams and connections away.
  std::size_t grpc_memory_bytes = std::size_t{1} << 30;
  // Large connections are bounded by the file limit; these have not yet said what they speak.
  std::size_t max_half_open_connections = 1024;
  std::chrono::milliseconds half_open_deadline = std::chrono::seconds(10);
  std::size_t max_http_connections = 256;

  // How long Drain(), whatever its deadline, holds answers back before it says goodbye. What clients sent
  // before has arrived after this time, on any network that a cluster's clients are near to; what has not is
  // answered with an error, as if the member had died.
  std::chrono::milliseconds goodbye_pause{20};
  std::chrono::milliseconds election_timeout{600};  // How often a stream with `hasleader` looks for one.

  int pollers = 0;  // Threads that serve gRPC; 0: half of the processors, at least one.
};

// What the API is built on. All references and functions must outlive the ApiServer; all functions are called
// from any of its threads and must not block.
struct ApiDependencies {
  raft::Group& group;
  Reader& reader;
  Hub& hub;
  MemberIdentity identity;  // For response headers; raft_term() is called for each.
  std::function<std::shared_ptr<const Members>()> members;
  // Calls back, from any thread, when the history up to a revision has been removed physically here
  // (KvDatabase::WhenCompacted). Empty: Compact(physical) answers like Compact.
  std::function<void(Revision, absl::AnyInvocable<void(absl::Status)>)> when_compacted;

  // For /metrics only, read once for each scrape. Empty or null: those metrics stay 0.
  const raft::ReplicaMetrics* replica_metrics = nullptr;
  std::function<raft::TransportStats()> transport_stats;
};

// The client port: etcd's gRPC services and a few HTTP/1.1 paths on the same sockets. docs/compatibility.md
// lists what it answers.
//
// Threads: one accepts connections and reads their first bytes, one serves HTTP, ApiOptions::pollers serve
// gRPC; gRPC adds a few of its own. Nothing waits inside a thread: a request that waits for Raft is an
// object. Also calls Hub::Tick() every 100 ms.
//
// Order at the end of a node: Drain(), stop the Group (which answers everything outstanding), Shutdown()
// (which sends those answers), destroy the ApiServer, destroy the rest.
class ApiServer {
 public:
  // Binds and serves. Unavailable with the address and the reason if an address cannot be bound.
  static absl::StatusOr<std::unique_ptr<ApiServer>> Start(ApiOptions options, ApiDependencies dependencies);

  // As Drain() without patience and Shutdown(), if they were not called. Waits until the Group has answered
  // every request that was handed to it.
  virtual ~ApiServer() = default;

  // The ports bound, in the order of ApiOptions::listen.
  [[nodiscard]] virtual std::vector<std::uint16_t> ports() const = 0;

  // Stops accepting connections, ends streams with "server stopped", and tells the clients to go elsewhere
  // with what they ask next; /health and /readyz say 503. Returns when all requests are answered, or at
  // `deadline`. A client that waits for an answer all the time sees no error; one that was idle may, for a
  // request that it sent before it read what it was told. From any thread but the server's own, as
  // Shutdown().
  virtual void Drain(std::chrono::steady_clock::time_point deadline) = 0;

  // Gives the answers that are on their way a moment to leave, and closes all connections. REQUIRES: Drain().
  virtual void Shutdown() = 0;
};

}  // namespace cairn::kv
