#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>
#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/async_stream.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <atomic>
#include <memory>
#include <string>

#include "raft/transport/completion_loop.h"

namespace cairn::raft {

// Who listens to a stream. All calls come from the loop's thread, none with a lock held.
class StreamEvents {
 public:
  virtual ~StreamEvents() = default;

  // The call is under way. Nothing may be read or written before.
  virtual void OnOpened() = 0;
  virtual void OnRead(const grpc::ByteBuffer& message) = 0;
  virtual void OnWritten() = 0;
  // The last call, once and always. `status` is what the server said, or what went wrong.
  virtual void OnEnded(const grpc::Status& status) = 0;
};

// One bidirectional gRPC call carrying raw messages, seen from either end, with at most one read and one
// write in flight. It keeps itself and its listener alive until OnEnded().
class ByteStream : public std::enable_shared_from_this<ByteStream> {
 public:
  virtual ~ByteStream();
  ByteStream(const ByteStream&) = delete;
  ByteStream& operator=(const ByteStream&) = delete;

  // Asks for the next message. Loop's thread. REQUIRES: none is asked for. Without effect once the stream
  // ends.
  void Read();

  // Whether the caller may write one message now: false while a write is in flight and once the stream ends.
  // The caller that is told true has to Write(). Any thread.
  [[nodiscard]] bool ClaimWrite() ABSL_LOCKS_EXCLUDED(mu_);

  // Any thread. REQUIRES: a successful ClaimWrite(). `last`: nothing will follow, the other end sees the
  // stream's end after it.
  enum class Last : bool { kNo, kYes };
  void Write(const grpc::ByteBuffer& message, Last last = Last::kNo);

  // The stream ends as soon as possible. Any thread. REQUIRES of accepted streams: OnOpened() was called.
  void Cancel() ABSL_LOCKS_EXCLUDED(mu_);

  // Accepted streams: ends with this status, after the write in flight. Loop's thread.
  void Finish(const grpc::Status& status) ABSL_LOCKS_EXCLUDED(mu_);

 protected:
  ByteStream(CompletionLoop& loop, std::shared_ptr<StreamEvents> events);

  struct Operation final : CompletionTag {
    using Handler = void (ByteStream::*)(bool ok);
    Operation(ByteStream& owner, Handler handler) : stream(owner), handle(handler) {}
    void Complete(bool ok) override;
    // As a tag for gRPC; keeps the stream alive until it comes back.
    void* Arm();
    ByteStream& stream;
    const Handler handle;
    std::shared_ptr<ByteStream> keep;
    // gRPC gives the operation to the loop's thread after it took it from this one; said here once more,
    // because nothing that reads only our code can know.
    std::atomic<bool> in_flight{false};
  };

  // The tag of the operation that opens the call; in flight from the beginning.
  void* ArmOpen() { return open_.Arm(); }

 private:
  virtual void StartRead(grpc::ByteBuffer* message, void* tag) = 0;
  virtual void StartWrite(const grpc::ByteBuffer& message, Last last, void* tag) = 0;
  // `status`: to send (accepted) or to fill in (dialled).
  virtual void StartFinish(grpc::Status* status, void* tag) = 0;
  virtual void TryCancel() = 0;
  // Whether the end that accepts has nothing to tell gRPC if the call never came about.
  [[nodiscard]] virtual bool ends_without_finish() const = 0;

  void HandleOpen(bool ok);
  void HandleRead(bool ok);
  void HandleWrite(bool ok);
  void HandleFinish(bool ok);
  // Begins the end if it is time, and reports it when nothing is in flight any more.
  void Advance() ABSL_LOCKS_EXCLUDED(mu_);
  void BeginEnd() ABSL_LOCKS_EXCLUDED(mu_);

  CompletionLoop& loop_;
  std::shared_ptr<StreamEvents> events_;  // Until OnEnded().

  Operation open_{*this, &ByteStream::HandleOpen};
  Operation read_{*this, &ByteStream::HandleRead};
  Operation write_{*this, &ByteStream::HandleWrite};
  Operation finish_{*this, &ByteStream::HandleFinish};
  grpc::ByteBuffer incoming_;
  grpc::Status status_;

  absl::Mutex mu_;
  bool opening_ ABSL_GUARDED_BY(mu_) = true;
  bool reading_ ABSL_GUARDED_BY(mu_) = false;
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool ending_ ABSL_GUARDED_BY(mu_) =
      false;  // No new read or write; Finish as soon as no write is in flight.
  bool finishing_ ABSL_GUARDED_BY(mu_) = false;  // Finish is in flight or done.
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
  bool reported_ ABSL_GUARDED_BY(mu_) = false;
};

// The end that dials. Waits for the connection; OnOpened() comes when the call's headers have left.
class DialledStream final : public ByteStream {
 public:
  // Whether to wait until the other side can be reached, or to fail at the first refusal.
  enum class Wait : bool { kNo, kYes };

  static std::shared_ptr<DialledStream> Start(CompletionLoop& loop,
                                              const std::shared_ptr<grpc::Channel>& channel,
                                              const std::string& method, Wait wait,
                                              std::shared_ptr<StreamEvents> events);

 private:
  using ByteStream::ByteStream;
  void StartRead(grpc::ByteBuffer* message, void* tag) override { call_->Read(message, tag); }
  void StartWrite(const grpc::ByteBuffer& message, Last last, void* tag) override;
  void StartFinish(grpc::Status* status, void* tag) override { call_->Finish(status, tag); }
  void TryCancel() override { context_.TryCancel(); }
  [[nodiscard]] bool ends_without_finish() const override { return false; }

  grpc::ClientContext context_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
};

// The end that accepts: waits for one call of one method, then is that call. OnOpened() comes when there is
// one, OnEnded() without it if the server shuts down first.
class AcceptedStream final : public ByteStream {
 public:
  using Stream = grpc::ServerAsyncReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer>;

  // `request` asks gRPC for a call with these arguments and this tag.
  static std::shared_ptr<AcceptedStream> Wait(
      CompletionLoop& loop, std::shared_ptr<StreamEvents> events,
      absl::AnyInvocable<void(grpc::ServerContext*, Stream*, void* tag)> request);

  // Where the call comes from, as gRPC writes addresses.
  [[nodiscard]] std::string peer() const { return context_.peer(); }

 private:
  using ByteStream::ByteStream;
  void StartRead(grpc::ByteBuffer* message, void* tag) override { call_.Read(message, tag); }
  void StartWrite(const grpc::ByteBuffer& message, Last last, void* tag) override;
  void StartFinish(grpc::Status* status, void* tag) override { call_.Finish(*status, tag); }
  void TryCancel() override { context_.TryCancel(); }
  [[nodiscard]] bool ends_without_finish() const override { return true; }

  grpc::ServerContext context_;
  Stream call_{&context_};
};

}  // namespace cairn::raft
