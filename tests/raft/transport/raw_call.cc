#include "tests/raft/transport/raw_call.h"

#include <fmt/format.h>

#include <utility>

#include "tests/raft/transport/random_frame.h"

namespace cairn::raft::testing {

RawCall::RawCall(std::uint16_t port, const std::string& method, grpc_compression_algorithm compression) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  const auto channel = grpc::CreateCustomChannel(fmt::format("ipv4:127.0.0.1:{}", port),
                                                 grpc::InsecureChannelCredentials(), arguments);
  context_.set_compression_algorithm(compression);
  context_.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
  call_ = grpc::GenericStub(channel).PrepareCall(&context_, method, &queue_);
  call_->StartCall(this);
  Wait();
}

RawCall::~RawCall() {
  context_.TryCancel();
  queue_.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue_.Next(&tag, &ok)) {
  }
}

bool RawCall::Wait() {
  void* tag = nullptr;
  bool ok = false;
  return queue_.Next(&tag, &ok) && ok;
}

bool RawCall::Write(const grpc::ByteBuffer& message) {
  call_->Write(message, this);
  return Wait();
}

bool RawCall::Write(const std::string& bytes) { return Write(Cut(bytes, bytes.size() + 1)); }

std::optional<grpc::ByteBuffer> RawCall::Read() {
  grpc::ByteBuffer message;
  call_->Read(&message, this);
  if (!Wait()) return std::nullopt;
  return message;
}

bool RawCall::HasEnded() {
  if (!std::exchange(asked_, true)) call_->Read(&asked_for_, this);
  void* tag = nullptr;
  bool ok = false;
  if (!ended_ &&
      queue_.AsyncNext(&tag, &ok, gpr_time_0(GPR_CLOCK_MONOTONIC)) == grpc::CompletionQueue::GOT_EVENT) {
    ended_ = !ok;
  }
  return ended_;
}

grpc::Status RawCall::Finish() {
  grpc::Status status;
  call_->Finish(&status, this);
  Wait();
  return status;
}

RawServer::RawServer() {
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
  builder.RegisterAsyncGenericService(&service_);
  queue_ = builder.AddCompletionQueue();
  server_ = builder.BuildAndStart();
}

RawServer::~RawServer() {
  server_->Shutdown(std::chrono::system_clock::now());
  queue_->Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue_->Next(&tag, &ok)) {
  }
}

std::string RawServer::url() const { return fmt::format("http://127.0.0.1:{}", port_); }

bool RawServer::Wait() {
  void* tag = nullptr;
  bool ok = false;
  const auto deadline = std::chrono::system_clock::now() + std::chrono::seconds(10);
  return queue_->AsyncNext(&tag, &ok, deadline) == grpc::CompletionQueue::GOT_EVENT && ok;
}

bool RawServer::Accept() {
  Call& call = *calls_.emplace_back(std::make_unique<Call>());
  service_.RequestCall(&call.context, &call.stream, queue_.get(), queue_.get(), this);
  return Wait();
}

bool RawServer::Write(const grpc::ByteBuffer& message) {
  calls_.back()->stream.Write(message, this);
  return Wait();
}

std::optional<grpc::ByteBuffer> RawServer::Read() {
  grpc::ByteBuffer message;
  calls_.back()->stream.Read(&message, this);
  if (!Wait()) return std::nullopt;
  return message;
}

bool RawServer::Finish(const grpc::Status& status) {
  calls_.back()->stream.Finish(status, this);
  return Wait();
}

}  // namespace cairn::raft::testing
