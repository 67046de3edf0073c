#include "kv/api/metrics_text.h"

#include <fmt/format.h>

#include <array>
#include <numeric>
#include <span>
#include <vector>

#include "kv/api/metric_families.h"
#include "kv/api/process_stats.h"

namespace cairn::kv::api {
namespace {

using prometheus::MetricType;

constexpr std::array<std::string_view, RpcMetrics::kCodes> kCodeNames = {
    "OK",       "Canceled",       "Unknown",          "InvalidArgument",   "DeadlineExceeded",
    "NotFound", "AlreadyExists",  "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
    "Aborted",  "OutOfRange",     "Unimplemented",    "Internal",          "Unavailable",
    "DataLoss", "Unauthenticated"};

std::string Hex(std::uint64_t id) { return fmt::format("{:x}", id); }

std::vector<double> Exponential(double first, double factor, int count) {
  std::vector<double> bounds;
  for (int i = 0; i < count; ++i, first *= factor) bounds.push_back(first);
  return bounds;
}

std::string MajorMinor(const std::string& version) { return version.substr(0, version.rfind('.')); }

void AddRpc(const Backend& backend, MetricFamilies& out) {
  std::vector<RpcMetrics::PerMethod> methods;
  std::vector<Labels> labels;
  for (MethodIndex i = 0; i < kMethods; ++i) {
    const MethodInfo& method = Methods()[i];
    methods.push_back(backend.metrics.Read(i));
    labels.push_back({{"grpc_type", std::string(ShapeName(method.shape))},
                      {"grpc_service", std::string(method.service)},
                      {"grpc_method", std::string(method.name)}});
  }
  out.Begin("grpc_server_started_total", "RPCs begun.", MetricType::Counter);
  for (MethodIndex i = 0; i < kMethods; ++i) out.AddCounter(methods[i].started, labels[i]);
  out.Begin("grpc_server_handled_total", "RPCs finished, by code.", MetricType::Counter);
  for (MethodIndex i = 0; i < kMethods; ++i) {
    for (std::size_t code = 0; code < RpcMetrics::kCodes; ++code) {
      Labels with_code = labels[i];
      with_code.emplace_back("grpc_code", kCodeNames[code]);
      out.AddCounter(methods[i].handled[code], with_code);
    }
  }
  out.Begin("grpc_server_msg_received_total", "Messages received.", MetricType::Counter);
  for (MethodIndex i = 0; i < kMethods; ++i) out.AddCounter(methods[i].messages_received, labels[i]);
  out.Begin("grpc_server_msg_sent_total", "Messages sent.", MetricType::Counter);
  for (MethodIndex i = 0; i < kMethods; ++i) out.AddCounter(methods[i].messages_sent, labels[i]);
  out.Begin("grpc_server_handling_seconds", "From the arrival of an RPC to its answer.",
            MetricType::Histogram);
  for (MethodIndex i = 0; i < kMethods; ++i) {
    out.AddHistogram(RpcMetrics::kBuckets, methods[i].durations, methods[i].seconds, labels[i]);
  }
  out.Begin("etcd_server_client_requests_total", "Requests by the API version that the client named.",
            MetricType::Counter);
  for (const RpcMetrics::ClientVersion& client : backend.metrics.ReadClients()) {
    out.AddCounter(client.unary, {{"type", "unary"}, {"client_api_version", client.version}});
    out.AddCounter(client.stream, {{"type", "stream"}, {"client_api_version", client.version}});
  }
  out.Counter("etcd_network_client_grpc_received_bytes_total", "Bytes of messages from clients.",
              backend.metrics.bytes_received());
  out.Counter("etcd_network_client_grpc_sent_bytes_total", "Bytes of messages to clients.",
              backend.metrics.bytes_sent());
}

// etcd counts what took effect, wherever it came from; we, what was answered here.
std::uint64_t Succeeded(const Backend& backend, std::string_view method) {
  return backend.metrics.Read(MethodNamed("etcdserverpb.KV", method)).handled[0];
}

// etcd draws the line at 100 ms; this is the next bound of our buckets.
std::uint64_t SlowApplies(const raft::ReplicaMetrics& replica) {
  constexpr std::uint64_t kSlowMicros = 100'000;
  std::uint64_t slow = 0;
  for (std::size_t i = 1; i < raft::DurationHistogram::kBuckets; ++i) {
    if (raft::DurationHistogram::UpperMicros(i - 1) >= kSlowMicros) slow += replica.apply_batch.count(i);
  }
  return slow;
}

void AddServer(const Backend& backend, MetricFamilies& out) {
  const raft::GroupStatus raft = backend.deps.group.status();
  static const raft::ReplicaMetrics kNothing;
  const raft::ReplicaMetrics& replica =
      backend.deps.replica_metrics != nullptr ? *backend.deps.replica_metrics : kNothing;
  const std::string self = Hex(backend.deps.identity.member_id);
  const std::string& version = backend.options.etcd_version;

  out.Gauge("etcd_server_has_leader", "1 if a leader is known.", raft.leader ? 1 : 0);
  out.Gauge("etcd_server_is_leader", "1 on the leader.", raft.is_leader() ? 1 : 0);
  out.Gauge("etcd_server_is_learner", "1 on a learner.", raft.config.IsLearner(raft.self) ? 1 : 0);
  out.Counter("etcd_server_leader_changes_seen_total", "Leader changes seen since the start.",
              raft.leader_changes);
  out.Gauge("etcd_server_id", "This member.", 1, {{"server_id", self}});
  out.Gauge("etcd_server_version", "The version of etcd's API that is served.", 1,
            {{"server_version", version}});
  out.Gauge("etcd_cluster_version", "The version that all members have.", 1,
            {{"cluster_version", MajorMinor(version)}});
  out.Gauge("etcd_server_proposals_committed_total", "Raft's commit index.",
            static_cast<double>(raft.commit.value()));
  out.Gauge("etcd_server_proposals_applied_total", "Raft's applied index.",
            static_cast<double>(raft.applied.value()));
  out.Gauge("etcd_server_proposals_pending", "Proposals in flight on this member.",
            static_cast<double>(raft.pending_proposals));
  out.Counter("etcd_server_proposals_failed_total", "Proposals that were answered with an error of Raft's.",
              replica.proposals_failed);
  out.Counter("etcd_server_heartbeat_send_failures_total", "Heartbeats sent too late by a leader.",
              replica.heartbeat_send_failures);
  out.Counter("etcd_server_slow_read_indexes_total", "Read confirmations that had to be asked for again.",
              replica.slow_read_indexes);
  out.Counter("etcd_server_read_indexes_failed_total", "Reads that could not be confirmed.",
              replica.reads_failed);
  out.Counter("etcd_server_slow_apply_total", "Batches that took longer than 131 ms to apply.",
              SlowApplies(replica));
  out.Gauge("etcd_server_quota_backend_bytes", "The size quota.",
            static_cast<double>(backend.options.quota_bytes));
  out.Counter("etcd_server_health_success", "/health said true.", backend.metrics.health_successes());
  out.Counter("etcd_server_health_failures", "/health said false.", backend.metrics.health_failures());

  out.Counter("cairn_raft_read_rounds_total", "Read confirmations asked for.", replica.read_indexes);
  out.Counter("cairn_raft_proposals_forwarded_total", "Proposals sent on to the leader.",
              replica.proposals_forwarded);
  out.Counter("cairn_raft_forwards_refused_total", "Forwarded proposals that the receiver refused.",
              replica.forwards_refused);
  out.Counter("cairn_raft_peer_messages_dropped_total", "Messages of peers for which there was no room.",
              replica.peer_messages_dropped);
  out.Gauge("cairn_raft_followers_lost_entries",
            "On the leader: followers whose log lacks what they had acknowledged.",
            static_cast<double>(raft.lost_acknowledged.size()));
  out.Counter("cairn_raft_commits_contradicting_total",
              "Committed entries that claim to be proposals of this member and are not.",
              replica.commits_contradicting);
  out.Counter("cairn_raft_snapshot_points_total", "Flushes that allowed the log to be released.",
              replica.snapshot_points);
  out.Counter("cairn_raft_snapshots_installed_total", "Snapshots that replaced this member's state.",
              replica.snapshots_installed);
  out.Gauge("cairn_raft_log_bytes", "Size of the log on disk.",
            static_cast<double>(replica.log_bytes_on_disk.load(std::memory_order_relaxed)));
}

void AddDuration(MetricFamilies& out, const std::string& name, const std::string& help,
                 const raft::DurationHistogram* durations) {
  constexpr std::size_t kBuckets = raft::DurationHistogram::kBuckets;
  std::array<double, kBuckets - 1> bounds{};
  std::array<std::uint64_t, kBuckets> counts{};
  for (std::size_t i = 0; i + 1 < kBuckets; ++i) {
    bounds[i] = static_cast<double>(raft::DurationHistogram::UpperMicros(i)) / 1e6;
  }
  double sum = 0;
  if (durations != nullptr) {
    for (std::size_t i = 0; i < kBuckets; ++i) counts[i] = durations->count(i);
    sum = static_cast<double>(durations->sum_micros()) / 1e6;
  }
  out.Begin(name, help, MetricType::Histogram);
  out.AddHistogram(bounds, counts, sum, {});
}

void AddDisk(const Backend& backend, MetricFamilies& out) {
  const raft::ReplicaMetrics* replica = backend.deps.replica_metrics;
  AddDuration(out, "etcd_disk_wal_fsync_duration_seconds",
              "One grouped write of the log, fdatasync included.",
              replica != nullptr ? &replica->log_write : nullptr);
  AddDuration(out, "etcd_disk_backend_commit_duration_seconds", "One batch of entries applied to the store.",
              replica != nullptr ? &replica->apply_batch : nullptr);
}

void AddStore(const Backend& backend, MetricFamilies& out) {
  const Reader& reader = backend.deps.reader;
  const Reader::Sizes sizes = reader.sizes();
  const Hub::Counts watches = backend.deps.hub.counts();
  out.Gauge("etcd_mvcc_db_total_size_in_bytes", "Bytes allocated by the store.",
            static_cast<double>(sizes.allocated));
  out.Gauge("etcd_mvcc_db_total_size_in_use_in_bytes", "Bytes in use by the store.",
            static_cast<double>(sizes.in_use));
  out.Counter("etcd_mvcc_put_total", "Puts answered by this member.", Succeeded(backend, "Put"));
  out.Counter("etcd_mvcc_delete_total", "Deletes answered by this member.",
              Succeeded(backend, "DeleteRange"));
  out.Counter("etcd_mvcc_range_total", "Ranges answered by this member.", Succeeded(backend, "Range"));
  out.Counter("etcd_mvcc_txn_total", "Transactions answered by this member.", Succeeded(backend, "Txn"));
  out.Gauge("etcd_debugging_mvcc_keys_total", "Live keys.", static_cast<double>(sizes.keys));
  out.Gauge("etcd_debugging_mvcc_current_revision", "The store's revision.",
            static_cast<double>(reader.current_revision().value()));
  out.Gauge("etcd_debugging_mvcc_compact_revision", "The oldest revision that can be read; -1: all.",
            static_cast<double>(reader.compacted_revision().value()));
  out.Gauge("etcd_debugging_mvcc_watch_stream_total", "Watch streams.", static_cast<double>(watches.streams));
  out.Gauge("etcd_debugging_mvcc_watcher_total", "Watches.", static_cast<double>(watches.watchers));
  out.Gauge("etcd_debugging_mvcc_slow_watcher_total", "Watches that read from the history.",
            static_cast<double>(watches.slow_watchers));
  out.Gauge("cairn_watch_ring_bytes", "Recent revisions kept for watchers.",
            static_cast<double>(watches.ring_bytes));
}

void AddPeers(const Backend& backend, MetricFamilies& out) {
  const raft::TransportStats stats =
      backend.deps.transport_stats ? backend.deps.transport_stats() : raft::TransportStats{};
  const std::string self = Hex(backend.deps.identity.member_id);
  // One family after the other, each with a series for every peer.
  const auto counters = [&](const std::string& name, const std::string& help, const std::string& label,
                            std::uint64_t raft::PeerStats::* field) {
    out.Begin(name, help, MetricType::Counter);
    for (const raft::PeerStats& peer : stats.peers) {
      out.AddCounter(peer.*field, {{label, Hex(peer.id.value())}});
    }
  };
  counters("etcd_network_peer_received_bytes_total", "Bytes from a peer.", "From",
           &raft::PeerStats::bytes_received);
  counters("etcd_network_peer_sent_bytes_total", "Bytes to a peer.", "To", &raft::PeerStats::bytes_sent);
  counters("etcd_network_peer_sent_failures_total", "Messages to a peer that never left.", "To",
           &raft::PeerStats::messages_dropped);
  counters("etcd_network_peer_received_failures_total", "Streams of a peer that broke.", "From",
           &raft::PeerStats::streams_broken);
  out.Begin("etcd_network_disconnected_peers_total", "Streams of a peer that broke.", MetricType::Counter);
  for (const raft::PeerStats& peer : stats.peers) {
    out.AddCounter(peer.streams_broken, {{"Local", self}, {"Remote", Hex(peer.id.value())}});
  }
  out.Begin("etcd_network_active_peers", "1 if the stream to a peer is up.", MetricType::Gauge);
  for (const raft::PeerStats& peer : stats.peers) {
    out.AddGauge(peer.connected ? 1 : 0, {{"Local", self}, {"Remote", Hex(peer.id.value())}});
  }
  out.Begin("etcd_network_known_peers", "1 for every peer.", MetricType::Gauge);
  for (const raft::PeerStats& peer : stats.peers) {
    out.AddGauge(1, {{"Local", self}, {"Remote", Hex(peer.id.value())}});
  }
  const double first = std::chrono::duration<double>(raft::RoundTripHistogram::kFirstBound).count();
  const std::vector<double> bounds = Exponential(first, 2, raft::RoundTripHistogram::kBuckets - 1);
  out.Begin("etcd_network_peer_round_trip_time_seconds", "Round trips to a peer.", MetricType::Histogram);
  for (const raft::PeerStats& peer : stats.peers) {
    out.AddHistogram(bounds, peer.round_trip.counts,
                     static_cast<double>(peer.round_trip.sum_microseconds) / 1e6,
                     {{"To", Hex(peer.id.value())}});
  }
  out.Counter("cairn_snapshots_sent_total", "Snapshots sent to peers.", stats.snapshots.sent);
  out.Counter("cairn_snapshots_send_failed_total", "Snapshots given up.", stats.snapshots.send_failures);
  out.Counter("cairn_snapshots_received_total", "Snapshots received.", stats.snapshots.received);
  out.Counter("cairn_strangers_refused_total", "Streams of processes that are no members.",
              stats.strangers_refused);
}

void AddProcess(const Backend& backend, MetricFamilies& out) {
  const ProcessStats stats = ReadProcessStats();
  out.Gauge("process_resident_memory_bytes", "Resident memory.", static_cast<double>(stats.resident_bytes));
  out.Gauge("process_virtual_memory_bytes", "Virtual memory.", static_cast<double>(stats.virtual_bytes));
  out.Begin("process_cpu_seconds_total", "User and system time.", MetricType::Counter);
  out.AddSeconds(stats.cpu_seconds);
  out.Gauge("process_open_fds", "Open descriptors.", static_cast<double>(stats.open_fds));
  out.Gauge("process_max_fds", "The limit of open descriptors.", static_cast<double>(stats.max_fds));
  out.Gauge("process_start_time_seconds", "Start of the process since the epoch.", stats.start_time_seconds);
  out.Gauge("os_fd_used", "Open descriptors.", static_cast<double>(stats.open_fds));
  out.Gauge("os_fd_limit", "The limit of open descriptors.", static_cast<double>(stats.max_fds));
  out.Gauge("cairn_build_info", "1.", 1, {{"version", backend.options.build_version}});
  out.Gauge("cairn_requests_in_flight", "Unary requests begun and not answered.",
            static_cast<double>(backend.unanswered.value()));
  out.Counter("cairn_calls_gone_total",
              "Unary calls and streamed ranges whose client did not wait for the answer.",
              backend.metrics.gone());
  out.Gauge("cairn_request_bytes_in_flight", "Bytes of unary requests begun and not answered.",
            static_cast<double>(backend.request_bytes_in_flight.load(std::memory_order_relaxed)));
  out.Gauge("cairn_response_bytes_in_flight", "Bytes of answers being sent.",
            static_cast<double>(backend.response_bytes_in_flight.load(std::memory_order_relaxed)));
  out.Gauge("cairn_streams", "Streams open, of whatever kind.",
            static_cast<double>(backend.streams.load(std::memory_order_relaxed)));
}

}  // namespace

std::string MetricsText(const Backend& backend) {
  MetricFamilies out;
  AddServer(backend, out);
  AddDisk(backend, out);
  AddStore(backend, out);
  AddPeers(backend, out);
  AddRpc(backend, out);
  AddProcess(backend, out);
  return out.Serialize();
}

}  // namespace cairn::kv::api
