#include "kv/api/cq_server.h"

#include <grpc/grpc.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "kv/api/cut_connections.h"
#include "kv/api/dispatch.h"
#include "kv/api/generic_call.h"
#include "raft/base/assert.h"
#include "raft/base/status.h"

namespace cairn::kv::api {
namespace {

constexpr int kArmedGenericCalls = 16;  // Per poller.

// How long answers may take to leave at the end. Those to a client that reads have left long before, on a
// busy machine too.
constexpr std::chrono::milliseconds kLastAnswers{1000};

// Contract of etcd's clients with keepalive: the library's own limits would cut idle watches of Go clients,
// which ping every 10 s.
void SetKeepalive(grpc::ServerBuilder& builder) {
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 7'200'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
}

// Core compares the limit of a message with its compressed size, and would then unpack it for us. As etcd's,
// we know no compression: a call that uses it is refused before its message is read.
void SwitchCompressionOff(grpc::ServerBuilder& builder) {
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
  builder.AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
}

// gRPC counts its users and tears itself down after the last one, which can take ten seconds when its backup
// poller sleeps in the kernel. A process that serves keeps it up to the end.
void KeepGrpcUp() {
  static const bool kept = [] {
    grpc_init();
    return true;
  }();
  (void)kept;
}

}  // namespace

CqServer::CqServer(Backend& backend) : backend_(backend), hot_service_(HotMethods()) {}

absl::StatusOr<std::unique_ptr<CqServer>> CqServer::Start(Backend& backend) {
  auto server = std::unique_ptr<CqServer>(new CqServer(backend));
  CAIRN_RETURN_IF_ERROR(server->Build());
  return server;
}

int CqServer::PollerCount() const {
  if (backend_.options.pollers > 0) return backend_.options.pollers;
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency() / 2));
}

absl::Status CqServer::Build() {
  KeepGrpcUp();
  grpc::ServerBuilder builder;
  // Messages up to twice the limit are taken and refused by us with the sentence of etcd's library; what is
  // larger still is refused by gRPC while it arrives.
  builder.SetMaxReceiveMessageSize(static_cast<int>(2 * backend_.options.receive_limit()));
  builder.SetMaxSendMessageSize(-1);
  SetKeepalive(builder);
  SwitchCompressionOff(builder);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, backend_.options.max_calls_per_connection);
  builder.SetResourceQuota(grpc::ResourceQuota("clients").Resize(backend_.options.grpc_memory_bytes));
  builder.RegisterService(&hot_service_);
  builder.RegisterAsyncGenericService(&generic_service_);
  acceptor_ = builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
      grpc::InsecureServerCredentials());
  for (int i = 0; i < PollerCount(); ++i) {
    pollers_.push_back(std::make_unique<Poller>(backend_, builder.AddCompletionQueue()));
    pools_.push_back(std::make_unique<HotCallPool>(*pollers_.back(), hot_service_));
  }
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) return absl::InternalError("gRPC did not start; its log says why");
  for (std::size_t i = 0; i < pollers_.size(); ++i) {
    pools_[i]->ArmAll();
    for (int n = 0; n < kArmedGenericCalls; ++n) GenericCall::Arm(*pollers_[i], generic_service_);
    std::function<void(std::chrono::steady_clock::time_point)> on_tick;
    if (i == 0) on_tick = [this](std::chrono::steady_clock::time_point now) { backend_.deps.hub.Tick(now); };
    pollers_[i]->Start(std::move(on_tick));
  }
  return absl::OkStatus();
}

void CqServer::AddConnection(UniqueFd socket, const std::string& first_bytes) {
  const grpc::Slice slice(first_bytes);
  grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
  connection.fd = socket.release();
  connection.read_buffer = grpc::ByteBuffer(&slice, 1);
  acceptor_->HandleNewConnection(&connection);
}

void CqServer::EndStreams() {
  if (server_ == nullptr) return;
  for (const auto& poller : pollers_) poller->EndStreams();
}

// gRPC sends GOAWAY to all connections within this call. From the same moment on it cancels calls that come
// in, until the client has read that, and the client reads that it had cancelled them itself. So answers are
// held back meanwhile: whoever sends the next request after the last answer has nothing on its way.
void CqServer::SayGoodbye() {
  if (server_ == nullptr) return;
  backend_.gate.Close();
  std::this_thread::sleep_for(backend_.options.goodbye_pause);
  goodbye_ = grpc_completion_queue_create_for_next(nullptr);
  grpc_server_shutdown_and_notify(server_->c_server(), goodbye_, this);
  for (UnaryCall* call : backend_.gate.Open()) call->LetGo();
}

// gRPC's own way, Shutdown(deadline) and nothing else, is not for us (1.51.1, src/core/lib/surface/server.cc
// and chttp2_transport.cc): it cancels calls that come after it has begun, so clients read that they had
// cancelled them; and it waits for every client to confirm a ping, up to 20 s, so that one silent client
// costs the whole deadline. Cancelling all calls before tells each client that the connection ends, and
// closes it as soon as what is being written is written: never, if the client does not read. So the kernel is
// told as well.
void CqServer::Shutdown(const std::vector<std::uint16_t>& ports) {
  if (std::exchange(shut_down_, true)) return;
  if (server_ == nullptr) return;
  backend_.live_calls.AwaitNone(std::chrono::steady_clock::now() + kLastAnswers);
  grpc_server_cancel_all_calls(server_->c_server());
  CutConnections(ports);
  server_->Shutdown(std::chrono::system_clock::now());
  if (goodbye_ == nullptr) return;
  // All connections are closed, so its one event is there.
  const grpc_event said = grpc_completion_queue_next(goodbye_, gpr_inf_future(GPR_CLOCK_REALTIME), nullptr);
  CAIRN_ASSERT(said.type == GRPC_OP_COMPLETE, "type={}", static_cast<int>(said.type));
  grpc_completion_queue_shutdown(goodbye_);
  grpc_completion_queue_next(goodbye_, gpr_inf_future(GPR_CLOCK_REALTIME), nullptr);
  grpc_completion_queue_destroy(std::exchange(goodbye_, nullptr));
}

CqServer::~CqServer() {
  CAIRN_ASSERT(shut_down_ || server_ == nullptr, "Shutdown() comes first");
  // A call that waits for Raft must get its answer before its queue may go.
  for (const auto& poller : pollers_) poller->EndWithLastCall();
  if (server_ == nullptr) {  // Never started: nobody polls the queues.
    for (const auto& poller : pollers_) poller->Start({});
  }
  for (const auto& poller : pollers_) poller->Join();
}

}  // namespace cairn::kv::api
