#pragma once

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <memory>
#include <optional>
#include <string>

namespace cairn::raft::testing {

// A gRPC client without manners: sends any bytes to any method of the peer port. Each call blocks, for 10 s
// at most.
class RawCall {
 public:
  RawCall(std::uint16_t port, const std::string& method);
  ~RawCall();
  RawCall(const RawCall&) = delete;
  RawCall& operator=(const RawCall&) = delete;

  bool Write(const grpc::ByteBuffer& message);
  bool Write(const std::string& bytes);
  // Empty at the end of the stream.
  std::optional<grpc::ByteBuffer> Read();
  // The stream's status, once it has ended by itself; cancels it otherwise.
  grpc::Status Finish();

 private:
  bool Wait();

  grpc::CompletionQueue queue_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
};

inline constexpr char kExchangeMethod[] = "/cairn.raft.wire.Peer/Exchange";
inline constexpr char kSnapshotMethod[] = "/cairn.raft.wire.Snapshots/Send";

}  // namespace cairn::raft::testing
