#include "raft/transport/byte_stream.h"

#include <utility>

#include "raft/base/assert.h"

namespace cairn::raft {

void* ByteStream::Operation::Arm() {
  keep = stream.shared_from_this();
  in_flight.store(true, std::memory_order_release);
  return static_cast<CompletionTag*>(this);
}

void ByteStream::Operation::Complete(bool ok) {
  const bool was_in_flight = in_flight.exchange(false, std::memory_order_acquire);
  CAIRN_ASSERT(was_in_flight, "an operation came back twice");
  const std::shared_ptr<ByteStream> alive = std::move(keep);
  ((*alive).*handle)(ok);
}

ByteStream::ByteStream(CompletionLoop& loop, std::shared_ptr<StreamEvents> events)
    : loop_(loop), events_(std::move(events)) {
  loop_.Hold();
}

ByteStream::~ByteStream() { loop_.Release(); }

void ByteStream::Read() {
  {
    absl::MutexLock lock(&mu_);
    if (ending_) return;
    CAIRN_ASSERT(!reading_, "two reads at a time");
    reading_ = true;
  }
  StartRead(&incoming_, read_.Arm());
}

bool ByteStream::ClaimWrite() {
  absl::MutexLock lock(&mu_);
  if (ending_ || writing_) return false;
  writing_ = true;
  return true;
}

void ByteStream::Write(const grpc::ByteBuffer& message, Last last) {
  StartWrite(message, last, write_.Arm());
}

void ByteStream::Cancel() {
  TryCancel();
  // The operations in flight come back and bring the end about; if there are none, somebody has to begin.
  loop_.Post([self = shared_from_this()] { self->BeginEnd(); });
}

void ByteStream::Finish(const grpc::Status& status) {
  {
    absl::MutexLock lock(&mu_);
    if (ending_) return;
    status_ = status;
  }
  BeginEnd();
}

void ByteStream::HandleOpen(bool ok) {
  bool ending = false;
  {
    absl::MutexLock lock(&mu_);
    opening_ = false;
    // The server shuts down while it waits for a call: there is no call to finish.
    if (!ok && ends_without_finish()) ending_ = finishing_ = finished_ = true;
    ending = ending_;
  }
  if (!ok) return BeginEnd();
  if (!ending) events_->OnOpened();
  Advance();
}

void ByteStream::HandleRead(bool ok) {
  bool ending = false;
  {
    absl::MutexLock lock(&mu_);
    reading_ = false;
    ending = ending_;
  }
  if (!ok) return BeginEnd();
  grpc::ByteBuffer message;
  message.Swap(&incoming_);
  if (!ending) events_->OnRead(message);
  Advance();
}

void ByteStream::HandleWrite(bool ok) {
  bool ending = false;
  {
    absl::MutexLock lock(&mu_);
    writing_ = false;
    ending = ending_;
  }
  if (!ok) return BeginEnd();
  if (!ending) events_->OnWritten();
  Advance();
}

void ByteStream::HandleFinish(bool /*ok*/) {
  {
    absl::MutexLock lock(&mu_);
    finished_ = true;
  }
  Advance();
}

void ByteStream::BeginEnd() {
  {
    absl::MutexLock lock(&mu_);
    ending_ = true;
  }
  Advance();
}

void ByteStream::Advance() {
  bool finish = false;
  bool report = false;
  {
    absl::MutexLock lock(&mu_);
    // A server may not send its status while a message is on its way; a read in flight comes back by itself.
    finish = ending_ && !writing_ && !finishing_;
    if (finish) finishing_ = true;
    report = finished_ && !opening_ && !reading_ && !writing_ && !reported_;
    if (report) reported_ = true;
  }
  if (finish) StartFinish(&status_, finish_.Arm());
  if (report) std::exchange(events_, nullptr)->OnEnded(status_);  // Only the loop's thread comes here.
}

std::shared_ptr<DialledStream> DialledStream::Start(CompletionLoop& loop,
                                                    const std::shared_ptr<grpc::Channel>& channel,
                                                    const std::string& method, Wait wait,
                                                    std::shared_ptr<StreamEvents> events) {
  std::shared_ptr<DialledStream> stream(new DialledStream(loop, std::move(events)));
  stream->context_.set_wait_for_ready(wait == Wait::kYes);
  stream->call_ = grpc::GenericStub(channel).PrepareCall(&stream->context_, method, loop.queue());
  stream->call_->StartCall(stream->ArmOpen());
  return stream;
}

void DialledStream::StartWrite(const grpc::ByteBuffer& message, Last last, void* tag) {
  if (last == Last::kYes) {
    call_->WriteLast(message, grpc::WriteOptions(), tag);
  } else {
    call_->Write(message, tag);
  }
}

std::shared_ptr<AcceptedStream> AcceptedStream::Wait(
    CompletionLoop& loop, std::shared_ptr<StreamEvents> events,
    absl::AnyInvocable<void(grpc::ServerContext*, Stream*, void* tag)> request) {
  std::shared_ptr<AcceptedStream> stream(new AcceptedStream(loop, std::move(events)));
  request(&stream->context_, &stream->call_, stream->ArmOpen());
  return stream;
}

void AcceptedStream::StartWrite(const grpc::ByteBuffer& message, Last /*last*/, void* tag) {
  call_.Write(message, tag);
}

}  // namespace cairn::raft
