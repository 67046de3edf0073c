#include "raft/transport/transport.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <atomic>
#include <utility>

#include "cairn/raft_wire.grpc.pb.h"
#include "cairn/snapshot.grpc.pb.h"
#include "raft/base/assert.h"
#include "raft/base/status.h"
#include "raft/transport/channel.h"
#include "raft/transport/completion_loop.h"
#include "raft/transport/environment.h"
#include "raft/transport/peer_url.h"
#include "raft/transport/peers.h"
#include "raft/transport/snapshot_receiver.h"
#include "raft/transport/snapshot_sender.h"

namespace cairn::raft {
namespace {

struct Listener {
  PeerUrl url;
  int port = 0;  // As bound; 0 if it could not be.
};

absl::StatusOr<std::vector<Listener>> ParseListeners(const std::vector<std::string>& texts) {
  if (texts.empty()) return absl::InvalidArgumentError("no peer URL to listen on");
  std::vector<Listener> listeners;
  for (const std::string& text : texts) {
    CAIRN_ASSIGN_OR_RETURN(PeerUrl url, ParsePeerUrl(text));
    listeners.push_back({.url = std::move(url)});
  }
  return listeners;
}

// gRPC aborts if a queue with something in it is destroyed.
void Discard(grpc::ServerCompletionQueue& queue) {
  queue.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue.Next(&tag, &ok)) {
  }
}

}  // namespace

struct Transport::State {
  State(TransportOptions options, TransportHooks hooks) {
    environment.self = {.cluster = options.cluster, .self = options.self, .incarnation = options.incarnation};
    environment.options = std::move(options);
    environment.hooks = std::move(hooks);
  }

  absl::Status Listen();
  void Serve();

  Environment environment;
  std::atomic<bool> running{false};
  std::vector<Listener> listeners;

  CompletionLoop peer_loop{"cairn-peers"};
  CompletionLoop snapshot_loop{"cairn-snapshot"};
  Peers peers{environment, peer_loop};
  SnapshotSender sender{environment, snapshot_loop, peers};
  SnapshotReceiver receiver{environment, snapshot_loop, peers};

  wire::Peer::WithRawMethod_Exchange<wire::Peer::Service> peer_service;
  wire::Snapshots::WithRawMethod_Send<wire::Snapshots::Service> snapshot_service;
  std::unique_ptr<grpc::Server> server;  // Destroyed first: its calls refer to what is above.
};

absl::Status Transport::State::Listen() {
  CAIRN_ASSIGN_OR_RETURN(listeners, ParseListeners(environment.options.listen_urls));
  grpc::ServerBuilder builder;
  ConfigurePeerServer(environment.options, builder);
  for (Listener& listener : listeners) {
    builder.AddListeningPort(listener.url.host_and_port(), grpc::InsecureServerCredentials(), &listener.port);
  }
  builder.RegisterService(&peer_service);
  builder.RegisterService(&snapshot_service);
  for (grpc::Service* service : environment.options.services) builder.RegisterService(service);
  auto peer_queue = builder.AddCompletionQueue();
  auto snapshot_queue = builder.AddCompletionQueue();
  server = builder.BuildAndStart();
  for (const Listener& listener : listeners) {
    if (server != nullptr && listener.port != 0) continue;
    if (server != nullptr) server->Shutdown();
    server.reset();
    Discard(*peer_queue);
    Discard(*snapshot_queue);
    return absl::UnavailableError(
        fmt::format("cannot listen for peers on {}: the address is in use or not one of this machine's",
                    listener.url.host_and_port()));
  }
  peer_loop.Start(std::move(peer_queue));
  snapshot_loop.Start(std::move(snapshot_queue));
  return absl::OkStatus();
}

void Transport::State::Serve() {
  peer_loop.Post([this] {
    peers.Listen([this](grpc::ServerContext* context, AcceptedStream::Stream* stream, void* tag) {
      peer_service.RequestExchange(context, stream, peer_loop.queue(), peer_loop.queue(), tag);
    });
  });
  snapshot_loop.Post([this] {
    receiver.Listen([this](grpc::ServerContext* context, AcceptedStream::Stream* stream, void* tag) {
      snapshot_service.RequestSend(context, stream, snapshot_loop.queue(), snapshot_loop.queue(), tag);
    });
  });
}

Transport::Transport(TransportOptions options, TransportHooks hooks)
    : state_(std::make_unique<State>(std::move(options), std::move(hooks))) {}

Transport::~Transport() { Stop(); }

absl::Status Transport::Start(ReplicaEvents& events) {
  CAIRN_ASSERT(state_->environment.events == nullptr, "started twice");
  state_->environment.events = &events;
  CAIRN_RETURN_IF_ERROR(state_->Listen());
  state_->running = true;
  state_->Serve();
  return absl::OkStatus();
}

void Transport::Stop() {
  if (!state_->running.exchange(false)) return;
  state_->peer_loop.Post([this] { state_->peers.Close(); });
  state_->snapshot_loop.Post([this] {
    state_->sender.Close();
    state_->receiver.Close();
  });
  // Ends the calls that came in and the waiting for more; a deadline that has passed means at once.
  state_->server->Shutdown(std::chrono::system_clock::now());
  state_->peer_loop.Stop();
  state_->snapshot_loop.Stop();
}

void Transport::Send(NodeId to, PeerMessage message) {
  if (!state_->running.load(std::memory_order_acquire)) return;
  if (const auto link = state_->peers.Find(to)) link->Send(std::move(message));
}

void Transport::Flush() {
  if (!state_->running.load(std::memory_order_acquire)) return;
  for (const auto& link : state_->peers.Links()) link->Flush();
}

void Transport::SendSnapshot(NodeId to, Term term) { state_->sender.Begin(to, term); }

void Transport::CancelSnapshot(NodeId to) { state_->sender.Cancel(to); }

void Transport::SetPeers(std::vector<Peer> peers) { state_->peers.SetPeers(peers); }

std::vector<std::string> Transport::listen_urls() const {
  std::vector<std::string> urls;
  for (const Listener& listener : state_->listeners) {
    PeerUrl url = listener.url;
    url.port = static_cast<std::uint16_t>(listener.port);
    urls.push_back("http://" + url.host_and_port());
  }
  return urls;
}

TransportStats Transport::stats() const {
  TransportStats stats;
  for (const auto& link : state_->peers.Links()) stats.peers.push_back(link->stats());
  const auto& sent = state_->sender.counters();
  const auto& received = state_->receiver.counters();
  stats.snapshots = {.sent = sent.sent.load(),
                     .send_failures = sent.failures.load(),
                     .send_resumes = sent.resumes.load(),
                     .received = received.received.load(),
                     .receive_failures = received.failures.load(),
                     .bytes_sent = sent.bytes.load(),
                     .bytes_received = received.bytes.load()};
  stats.strangers_refused = state_->peers.strangers();
  return stats;
}

}  // namespace cairn::raft
