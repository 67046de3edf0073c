#include "tests/raft/transport/raw_call.h"

#include <fmt/format.h>

#include "tests/raft/transport/random_frame.h"

namespace cairn::raft::testing {

RawCall::RawCall(std::uint16_t port, const std::string& method) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  const auto channel = grpc::CreateCustomChannel(fmt::format("ipv4:127.0.0.1:{}", port),
                                                 grpc::InsecureChannelCredentials(), arguments);
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

grpc::Status RawCall::Finish() {
  grpc::Status status;
  call_->Finish(&status, this);
  Wait();
  return status;
}

}  // namespace cairn::raft::testing
