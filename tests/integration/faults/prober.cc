#include "tests/integration/faults/prober.h"

#include <grpcpp/client_context.h>

namespace cairn::faults {
namespace {

using std::chrono::milliseconds;
namespace pb = kv::client::pb;

constexpr milliseconds kInterval{5};
constexpr milliseconds kProbeTimeout{5000};
constexpr milliseconds kConnect{2000};

}  // namespace

struct Prober::Probe {
  grpc::ClientContext context;
  pb::DeleteRangeResponse response;
  grpc::Status status;
  std::unique_ptr<grpc::ClientAsyncResponseReader<pb::DeleteRangeResponse>> rpc;
};

Prober::Prober(Cluster& cluster, std::size_t except) {
  for (std::size_t node = 0; node < cluster.size(); ++node) {
    if (node == except) continue;
    const std::shared_ptr<grpc::Channel> channel =
        kv::client::MakeChannel(cluster.endpoints()[node], {.own_connection = true});
    channel->WaitForConnected(std::chrono::system_clock::now() + kConnect);
    stubs_.push_back(pb::KV::NewStub(channel));
  }
}

Prober::~Prober() {
  for (Probe* probe : running_) probe->context.TryCancel();
  queue_.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue_.Next(&tag, &ok)) Finish(static_cast<Probe*>(tag));
}

void Prober::StartProbes() {
  pb::DeleteRangeRequest request;
  request.set_key("faults-probe");
  for (const std::unique_ptr<pb::KV::Stub>& stub : stubs_) {
    auto probe = std::make_unique<Probe>();
    probe->context.set_deadline(std::chrono::system_clock::now() + kProbeTimeout);
    probe->rpc = stub->AsyncDeleteRange(&probe->context, request, &queue_);
    probe->rpc->Finish(&probe->response, &probe->status, probe.get());
    running_.insert(probe.release());
  }
}

void Prober::Finish(Probe* probe) {
  running_.erase(probe);
  delete probe;
}

absl::StatusOr<std::chrono::steady_clock::time_point> Prober::FirstAcknowledgement(milliseconds patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  auto next = std::chrono::steady_clock::now();
  while (!interrupted && std::chrono::steady_clock::now() < end) {
    if (std::chrono::steady_clock::now() >= next) {
      StartProbes();
      next += kInterval;
    }
    void* tag = nullptr;
    bool ok = false;
    const auto deadline = std::chrono::system_clock::now() + milliseconds(1);
    if (queue_.AsyncNext(&tag, &ok, deadline) != grpc::CompletionQueue::GOT_EVENT) continue;
    const auto now = std::chrono::steady_clock::now();
    auto* probe = static_cast<Probe*>(tag);
    const bool acknowledged = probe->status.ok();
    Finish(probe);
    if (acknowledged) return now;
  }
  return absl::DeadlineExceededError("no write was acknowledged any more");
}

}  // namespace cairn::faults
