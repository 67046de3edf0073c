#pragma once

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cairn::raft::testing {

// A gRPC client without manners: sends any bytes to any method of the peer port. Each call blocks, for 10 s
// at most.
class RawCall {
 public:
  RawCall(std::uint16_t port, const std::string& method,
          grpc_compression_algorithm compression = GRPC_COMPRESS_NONE);
  ~RawCall();
  RawCall(const RawCall&) = delete;
  RawCall& operator=(const RawCall&) = delete;

  bool Write(const grpc::ByteBuffer& message);
  bool Write(const std::string& bytes);
  // Empty at the end of the stream.
  std::optional<grpc::ByteBuffer> Read();
  // Whether the stream has ended by now; does not block. No Read() afterwards: one is under way.
  bool HasEnded();
  // The stream's status, once it has ended by itself; cancels it otherwise.
  grpc::Status Finish();

 private:
  bool Wait();

  grpc::CompletionQueue queue_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
  grpc::ByteBuffer asked_for_;  // By HasEnded().
  bool asked_ = false;
  bool ended_ = false;
};

// A gRPC server without manners: takes calls of any method when it is told to, one after the other, and is
// silent otherwise. What waits, waits 10 s at most.
class RawServer {
 public:
  RawServer();
  ~RawServer();
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;

  [[nodiscard]] std::string url() const;

  // Takes the next call; the ones before stay as they are. Read() and Write() are about the last one.
  bool Accept();
  bool Write(const grpc::ByteBuffer& message);
  // Empty at the end of the stream.
  std::optional<grpc::ByteBuffer> Read();
  bool Finish(const grpc::Status& status);

 private:
  struct Call {
    grpc::GenericServerContext context;
    grpc::GenericServerAsyncReaderWriter stream{&context};
  };
  bool Wait();

  int port_ = 0;
  grpc::AsyncGenericService service_;
  std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::unique_ptr<grpc::Server> server_;
  std::vector<std::unique_ptr<Call>> calls_;
};

inline constexpr char kExchangeMethod[] = "/cairn.raft.wire.Peer/Exchange";
inline constexpr char kSnapshotMethod[] = "/cairn.raft.wire.Snapshots/Send";

}  // namespace cairn::raft::testing
