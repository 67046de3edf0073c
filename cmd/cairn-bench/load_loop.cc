#include "cmd/cairn-bench/load_loop.h"

#include <google/protobuf/arena.h>
#include <grpcpp/alarm.h>
#include <grpcpp/client_context.h>

#include <optional>

#include "kv/client/retry.h"

namespace cairn::bench {
namespace {

namespace pb = kv::client::pb;
using Clock = std::chrono::steady_clock;

using std::chrono::milliseconds;

constexpr std::size_t kErrorTexts = 8;
constexpr kv::client::Backoff::Options kPauses{.first = milliseconds(10), .last = milliseconds(200)};

}  // namespace

// One request at a time. Objects of the last request are used again where gRPC allows it.
struct LoadLoop::Client {
  explicit Client(std::uint64_t seed) : pauses(kPauses, seed) {}

  pb::KV::Stub* stub = nullptr;
  std::optional<grpc::ClientContext> context;
  pb::PutRequest put;
  pb::PutResponse put_response;
  pb::RangeRequest get;
  pb::RangeResponse get_response;
  std::unique_ptr<grpc::ClientAsyncResponseReader<pb::PutResponse>> put_rpc;
  std::unique_ptr<grpc::ClientAsyncResponseReader<pb::RangeResponse>> get_rpc;
  grpc::Status status;
  Clock::time_point started;
  bool measured = false;
  kv::client::Backoff pauses;          // Between errors.
  std::optional<grpc::Alarm> pausing;  // Set: the next event is the end of a pause, not an answer.
};

LoadLoop::LoadLoop(const Options& options, const std::vector<std::shared_ptr<grpc::Channel>>& channels,
                   int clients, Workload workload, Phase& phase)
    : options_(options), workload_(std::move(workload)), phase_(phase) {
  for (const std::shared_ptr<grpc::Channel>& channel : channels) stubs_.push_back(pb::KV::NewStub(channel));
  for (int i = 0; i < clients; ++i) {
    auto client = std::make_unique<Client>(options.seed + static_cast<std::uint64_t>(i));
    client->stub = stubs_[static_cast<std::size_t>(i) % stubs_.size()].get();
    client->get.set_serializable(options.serializable);
    clients_.push_back(std::move(client));
  }
}

LoadLoop::~LoadLoop() {
  queue_.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue_.Next(&tag, &ok)) {
  }
}

bool LoadLoop::Admit(Client& client) {
  if (phase_.stopping.load(std::memory_order_relaxed)) return false;
  client.measured = phase_.measuring.load(std::memory_order_relaxed);
  if (!client.measured || !phase_.bounded.load(std::memory_order_relaxed)) return true;
  if (phase_.left.fetch_sub(1, std::memory_order_relaxed) > 0) return true;
  phase_.stopping.store(true, std::memory_order_relaxed);
  return false;
}

bool LoadLoop::Start(Client& client) {
  if (!Admit(client)) return false;
  client.context.emplace();
  client.context->set_deadline(std::chrono::system_clock::now() + options_.timeout);
  const std::string_view key = workload_.NextKey();
  if (options_.operation == Operation::kPut) {
    client.put.set_key(key.data(), key.size());
    const std::string_view value = workload_.NextValue();
    client.put.set_value(value.data(), value.size());
    client.started = Clock::now();
    client.put_rpc = client.stub->AsyncPut(&*client.context, client.put, &queue_);
    client.put_rpc->Finish(&client.put_response, &client.status, &client);
  } else {
    client.get.set_key(key.data(), key.size());
    client.started = Clock::now();
    client.get_rpc = client.stub->AsyncRange(&*client.context, client.get, &queue_);
    client.get_rpc->Finish(&client.get_response, &client.status, &client);
  }
  return true;
}

bool LoadLoop::Pause(Client& client) {
  if (phase_.stopping.load(std::memory_order_relaxed)) return false;
  client.pausing.emplace();
  client.pausing->Set(&queue_, std::chrono::system_clock::now() + client.pauses.Next(), &client);
  return true;
}

bool LoadLoop::OnEvent(Client& client) {
  if (client.pausing.has_value()) {
    client.pausing.reset();
    return Start(client);
  }
  OnDone(client);
  if (!client.status.ok()) return Pause(client);
  client.pauses.Reset();
  return Start(client);
}

void LoadLoop::OnDone(Client& client) {
  const Clock::time_point now = Clock::now();
  result_.last_answer = now;
  if (!client.status.ok()) {
    ++result_.errors;
    const std::string& text = client.status.error_message();
    if (result_.error_texts.size() < kErrorTexts || result_.error_texts.contains(text))
      ++result_.error_texts[text];
    return;
  }
  if (!client.measured) return;
  const auto time = std::chrono::duration_cast<std::chrono::nanoseconds>(now - client.started);
  result_.latencies.Record(time.count());
}

void LoadLoop::Run() {
  int running = 0;
  for (const std::unique_ptr<Client>& client : clients_) running += Start(*client) ? 1 : 0;
  void* tag = nullptr;
  bool ok = false;
  while (running > 0 && queue_.Next(&tag, &ok)) {
    Client& client = *static_cast<Client*>(tag);
    if (!OnEvent(client)) --running;
  }
}

}  // namespace cairn::bench
