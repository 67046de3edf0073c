#include "tests/kv/client/fake_cluster.h"

#include <fmt/format.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include <map>

#include "raft/base/assert.h"

namespace cairn::kv::client::testing {

// Everything is under one lock: simple, and fast enough for tests.
struct FakeCluster::State {
  absl::Mutex mu;
  std::vector<std::vector<mvccpb::Event>> history;  // history[i] holds revision i + 2.
  std::map<std::string, std::string> keys;
  std::int64_t compacted = 0;
  int progress_ticks = 0;
  bool fragment = false;
  int pieces_until_break = 0;  // 0: never.
  std::vector<std::int64_t> watch_starts;
  std::vector<std::unique_ptr<Node>> nodes;

  std::int64_t revision() const { return static_cast<std::int64_t>(history.size()) + 1; }

  std::int64_t Put(const std::vector<std::string>& names, const std::string& value) {
    std::vector<mvccpb::Event> events;
    for (const std::string& name : names) {
      keys[name] = value;
      mvccpb::Event event;
      event.mutable_kv()->set_key(name);
      event.mutable_kv()->set_value(value);
      event.mutable_kv()->set_mod_revision(revision() + 1);
      events.push_back(std::move(event));
    }
    history.push_back(std::move(events));
    return revision();
  }
};

// One server. Handlers run on gRPC's threads and wait in small steps, so that death and cancellation are
// noticed.
class FakeCluster::Node {
 public:
  Node(State& state, std::uint64_t id) : state_(state), id_(id), kv_(*this), watch_(*this) {}

  void Start() {
    {
      const absl::MutexLock lock(&state_.mu);
      dying = false;
    }
    grpc::ServerBuilder builder;
    builder.AddListeningPort(fmt::format("127.0.0.1:{}", port), grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&kv_);
    builder.RegisterService(&watch_);
    server_ = builder.BuildAndStart();
    CAIRN_ASSERT(server_ != nullptr, "cannot listen on port {}", port);
  }

  void Kill() {
    if (server_ == nullptr) return;
    {
      const absl::MutexLock lock(&state_.mu);
      dying = true;
    }
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
    server_.reset();
  }

  // Guarded by State::mu.
  bool dying = false;
  bool frozen = false;
  int calls = 0;
  int open_watches = 0;
  grpc::Status failure;

  int port = 0;  // Chosen at the first start.

 private:
  static constexpr absl::Duration kStep = absl::Milliseconds(2);

  class Kv final : public pb::KV::Service {
   public:
    explicit Kv(Node& node) : node_(node) {}
    grpc::Status Range(grpc::ServerContext* context, const pb::RangeRequest* request,
                       pb::RangeResponse* response) override {
      if (grpc::Status status = node_.Enter(*context); !status.ok()) return status;
      const absl::MutexLock lock(&node_.state_.mu);
      node_.FillHeader(response->mutable_header());
      const auto found = node_.state_.keys.find(request->key());
      if (found == node_.state_.keys.end()) return grpc::Status::OK;
      mvccpb::KeyValue* kv = response->add_kvs();
      kv->set_key(found->first);
      kv->set_value(found->second);
      response->set_count(1);
      return grpc::Status::OK;
    }
    grpc::Status Put(grpc::ServerContext* context, const pb::PutRequest* request,
                     pb::PutResponse* response) override {
      if (grpc::Status status = node_.Enter(*context); !status.ok()) return status;
      const absl::MutexLock lock(&node_.state_.mu);
      node_.state_.Put({request->key()}, request->value());
      node_.FillHeader(response->mutable_header());
      return grpc::Status::OK;
    }

   private:
    Node& node_;
  };

  class Watches final : public pb::Watch::Service {
   public:
    explicit Watches(Node& node) : node_(node) {}
    grpc::Status Watch(grpc::ServerContext* context,
                       grpc::ServerReaderWriter<pb::WatchResponse, pb::WatchRequest>* stream) override {
      return node_.ServeWatch(*context, *stream);
    }

   private:
    Node& node_;
  };

  void FillHeader(pb::ResponseHeader* header) const {
    header->set_member_id(id_);
    header->set_revision(state_.revision());
  }

  grpc::Status Enter(grpc::ServerContext& context) {
    const absl::MutexLock lock(&state_.mu);
    ++calls;
    while (frozen && !dying && !context.IsCancelled()) WaitStep();
    if (dying) return {grpc::StatusCode::UNAVAILABLE, "etcdserver: server stopped"};
    return failure;
  }

  void WaitStep() { state_.mu.AwaitWithTimeout(absl::Condition(&dying), kStep); }

  grpc::Status ServeWatch(grpc::ServerContext& context,
                          grpc::ServerReaderWriter<pb::WatchResponse, pb::WatchRequest>& stream) {
    pb::WatchRequest request;
    if (!stream.Read(&request)) return grpc::Status::OK;
    if (grpc::Status status = Enter(context); !status.ok()) return status;
    std::int64_t next = request.create_request().start_revision();
    int ticks = 0;
    pb::WatchResponse created;
    bool compacted = false;
    {
      const absl::MutexLock lock(&state_.mu);
      state_.watch_starts.push_back(next);
      if (next == 0) next = state_.revision() + 1;
      ticks = state_.progress_ticks;
      FillHeader(created.mutable_header());
      created.set_created(true);
      compacted = next < state_.compacted;
      ++open_watches;
    }
    stream.Write(created);
    if (compacted) {
      const absl::MutexLock lock(&state_.mu);
      --open_watches;
      pb::WatchResponse cancelled;
      cancelled.set_canceled(true);
      cancelled.set_compact_revision(state_.compacted);
      stream.Write(cancelled);
      return grpc::Status::OK;
    }
    grpc::Status status = FollowHistory(context, stream, next, ticks);
    const absl::MutexLock lock(&state_.mu);
    --open_watches;
    return status;
  }

  grpc::Status FollowHistory(grpc::ServerContext& context,
                             grpc::ServerReaderWriter<pb::WatchResponse, pb::WatchRequest>& stream,
                             std::int64_t next, int ticks) {
    while (true) {
      std::vector<pb::WatchResponse> responses;
      bool break_after = false;
      {
        const absl::MutexLock lock(&state_.mu);
        while (!dying && !context.IsCancelled() && next > state_.revision() &&
               ticks == state_.progress_ticks) {
          WaitStep();
        }
        if (dying || context.IsCancelled())
          return {grpc::StatusCode::UNAVAILABLE, "etcdserver: server stopped"};
        responses = TakeResponses(next, ticks, break_after);
      }
      for (const pb::WatchResponse& response : responses) stream.Write(response);
      if (break_after) return {grpc::StatusCode::UNAVAILABLE, "broken on purpose"};
    }
  }

  // One revision, or progress. Under the lock.
  std::vector<pb::WatchResponse> TakeResponses(std::int64_t& next, int& ticks, bool& break_after) {
    pb::WatchResponse whole;
    FillHeader(whole.mutable_header());
    if (next > state_.revision()) {
      ticks = state_.progress_ticks;
      return {whole};
    }
    const std::vector<mvccpb::Event>& events = state_.history[static_cast<std::size_t>(next - 2)];
    ++next;
    std::vector<pb::WatchResponse> responses;
    if (!state_.fragment) {
      for (const mvccpb::Event& event : events) *whole.add_events() = event;
      return {whole};
    }
    for (std::size_t i = 0; i < events.size(); ++i) {
      pb::WatchResponse piece = whole;
      *piece.add_events() = events[i];
      piece.set_fragment(i + 1 < events.size());
      responses.push_back(std::move(piece));
      if (static_cast<int>(responses.size()) == state_.pieces_until_break) {
        state_.pieces_until_break = 0;
        break_after = true;
        break;
      }
    }
    return responses;
  }

  State& state_;
  const std::uint64_t id_;
  Kv kv_;
  Watches watch_;
  std::unique_ptr<grpc::Server> server_;
};

FakeCluster::FakeCluster(std::size_t nodes) : state_(std::make_unique<State>()) {
  for (std::size_t i = 0; i < nodes; ++i) {
    state_->nodes.push_back(std::make_unique<Node>(*state_, i + 1));
    state_->nodes.back()->Start();
  }
}

FakeCluster::~FakeCluster() {
  for (const std::unique_ptr<Node>& node : state_->nodes) node->Kill();
}

std::vector<Endpoint> FakeCluster::endpoints() const {
  std::vector<Endpoint> endpoints;
  for (const std::unique_ptr<Node>& node : state_->nodes) {
    endpoints.push_back(*ParseEndpoint(fmt::format("127.0.0.1:{}", node->port)));
  }
  return endpoints;
}

void FakeCluster::Kill(std::size_t node) { state_->nodes[node]->Kill(); }
void FakeCluster::Restart(std::size_t node) { state_->nodes[node]->Start(); }

void FakeCluster::Freeze(std::size_t node) {
  const absl::MutexLock lock(&state_->mu);
  state_->nodes[node]->frozen = true;
}

void FakeCluster::Thaw(std::size_t node) {
  const absl::MutexLock lock(&state_->mu);
  state_->nodes[node]->frozen = false;
}

void FakeCluster::FailWith(std::size_t node, grpc::Status status) {
  const absl::MutexLock lock(&state_->mu);
  state_->nodes[node]->failure = std::move(status);
}

std::int64_t FakeCluster::Put(const std::string& key, const std::string& value) {
  return PutMany({key}, value);
}

std::int64_t FakeCluster::PutMany(const std::vector<std::string>& keys, const std::string& value) {
  const absl::MutexLock lock(&state_->mu);
  return state_->Put(keys, value);
}

void FakeCluster::Compact(std::int64_t revision) {
  const absl::MutexLock lock(&state_->mu);
  state_->compacted = revision;
}

void FakeCluster::SendProgress() {
  const absl::MutexLock lock(&state_->mu);
  ++state_->progress_ticks;
}

void FakeCluster::FragmentNext(int pieces_until_break) {
  const absl::MutexLock lock(&state_->mu);
  state_->fragment = true;
  state_->pieces_until_break = pieces_until_break;
}

std::int64_t FakeCluster::revision() const {
  const absl::MutexLock lock(&state_->mu);
  return state_->revision();
}

int FakeCluster::calls(std::size_t node) const {
  const absl::MutexLock lock(&state_->mu);
  return state_->nodes[node]->calls;
}

std::vector<std::int64_t> FakeCluster::watch_starts() const {
  const absl::MutexLock lock(&state_->mu);
  return state_->watch_starts;
}

}  // namespace cairn::kv::client::testing
