#include "kv/client/watch.h"

#include <grpcpp/client_context.h>

#include "kv/client/failure.h"
#include "raft/base/assert.h"

namespace cairn::kv::client {
namespace {

using std::chrono::milliseconds;

// gRPC's queue counts in system time.
std::chrono::system_clock::time_point ToSystem(SteadyTime time) {
  return std::chrono::system_clock::now() + std::chrono::duration_cast<std::chrono::system_clock::duration>(
                                                time - std::chrono::steady_clock::now());
}

// Whether another node may do better. Everything else is said about the watch itself.
bool IsWorthResuming(const grpc::Status& status) {
  switch (status.error_code()) {
    case grpc::StatusCode::OK:  // A stream has no good end but ours.
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::INTERNAL:
    case grpc::StatusCode::UNKNOWN:
    case grpc::StatusCode::CANCELLED:
    case grpc::StatusCode::ABORTED:
    case grpc::StatusCode::DEADLINE_EXCEEDED:
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      return true;
    default:
      return false;
  }
}

// Refusals travel as Go prints them: "rpc error: code = PermissionDenied desc = etcdserver: permission
// denied".
absl::Status RefusalOf(const std::string& reason, const std::string& endpoint) {
  absl::StatusCode code = absl::StatusCode::kFailedPrecondition;
  if (reason.find("PermissionDenied") != std::string::npos) code = absl::StatusCode::kPermissionDenied;
  if (reason.find("Unauthenticated") != std::string::npos) code = absl::StatusCode::kUnauthenticated;
  if (reason.find("range is empty") != std::string::npos) code = absl::StatusCode::kInvalidArgument;
  if (reason.find("required revision has been compacted") != std::string::npos) {
    code = absl::StatusCode::kOutOfRange;
  }
  return ToStatus({.code = code,
                   .message = reason.empty() ? "the server cancelled the watch" : reason,
                   .endpoint = endpoint});
}

}  // namespace

// What an entry of the queue says has happened; the value is its tag.
enum Watcher::Tag : int { kStarted = 1, kWritten, kReadDone, kFinished, kWoken };

// One stream at one endpoint. It may be destroyed once none of its operations is in the queue.
struct Watcher::Stream {
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientAsyncReaderWriter<pb::WatchRequest, pb::WatchResponse>> rpc;
  pb::WatchResponse incoming;
  grpc::Status status;
  int pending = 0;         // Operations in the queue.
  bool writing = false;    // A write is among them.
  bool finishing = false;  // Finish() was called.
  bool finished = false;   // `status` is set.
  bool confirmed = false;  // The server said created.
  SteadyTime confirm_by;   // Given up if not confirmed by then.
};

Watcher::Watcher(Endpoints& endpoints, WatchOptions options)
    : endpoints_(endpoints),
      options_(std::move(options)),
      cursor_(options_.start_revision),
      backoff_({}, reinterpret_cast<std::uintptr_t>(this)),
      endpoint_(options_.first.value_or(endpoints.Order().front())),
      open_at_(std::chrono::steady_clock::now()),
      created_at_(open_at_) {}

Watcher::~Watcher() {
  CloseStream();
  wake_.Cancel();
  queue_.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue_.Next(&tag, &ok)) {
  }
}

void Watcher::Stop() {
  stopped_ = true;
  RequestProgress();  // Only to wake Next(); a stopped watcher asks for nothing.
}

void Watcher::RequestProgress() {
  progress_wanted_ = true;
  const absl::MutexLock lock(&wake_mu_);
  if (wake_set_) return;
  wake_set_ = true;
  wake_.Set(&queue_, std::chrono::system_clock::now(), reinterpret_cast<void*>(kWoken));
}

absl::Status Watcher::End(absl::Status status) {
  CloseStream();
  ended_ = std::move(status);
  return *ended_;
}

absl::StatusOr<pb::WatchResponse> Watcher::Next(milliseconds time) {
  const SteadyTime deadline = std::chrono::steady_clock::now() + time;
  while (true) {
    if (absl::Status status = DoWhatIsDue(); !status.ok()) return status;
    void* raw_tag = nullptr;
    bool ok = false;
    const SteadyTime until = std::min(deadline, NextOwnDeadline());
    const grpc::CompletionQueue::NextStatus got = queue_.AsyncNext(&raw_tag, &ok, ToSystem(until));
    CAIRN_ASSERT(got != grpc::CompletionQueue::SHUTDOWN, "the queue is shut down only by the destructor");
    if (got == grpc::CompletionQueue::TIMEOUT) {
      if (std::chrono::steady_clock::now() >= deadline)
        return absl::DeadlineExceededError("no event in time");
      continue;
    }
    const auto tag = static_cast<Tag>(reinterpret_cast<std::intptr_t>(raw_tag));
    OnTag(tag, ok);
    if (tag == kReadDone && ok) {
      if (auto result = OnResponse(); result.has_value()) return *std::move(result);
    }
    if (stream_ != nullptr && stream_->finished && stream_->pending == 0) {
      if (absl::Status status = OnStreamEnd(); !status.ok()) return status;
    }
  }
}

absl::Status Watcher::DoWhatIsDue() {
  if (ended_.has_value()) return *ended_;
  if (stopped_) return End(absl::CancelledError("the watch was stopped"));
  const SteadyTime now = std::chrono::steady_clock::now();
  if (streams_confirmed_ == 0 && now - created_at_ > options_.first_open_timeout) {
    return End(ToStatus({.code = absl::StatusCode::kUnavailable,
                         .message = last_trouble_.empty() ? "no answer" : last_trouble_,
                         .endpoint = endpoints_.name(endpoint_),
                         .advice = "check that a node is running there, or name another endpoint"}));
  }
  if (stream_ == nullptr && now >= open_at_) Open();
  CheckOpenTimeout();
  if (stream_ != nullptr && stream_->confirmed && !stream_->writing && !stream_->finishing &&
      progress_wanted_.exchange(false)) {
    pb::WatchRequest request;
    request.mutable_progress_request();
    StartWrite(request);
  }
  return absl::OkStatus();
}

absl::Status Watcher::OnStreamEnd() {
  const grpc::Status status = stream_->status;
  if (!IsWorthResuming(status)) {
    return End(ToStatus({.code = static_cast<absl::StatusCode>(status.error_code()),
                         .message = status.error_message(),
                         .endpoint = endpoints_.name(endpoint_)}));
  }
  last_trouble_ = status.ok() ? "the server ended the stream" : status.error_message();
  RetryLater();
  return absl::OkStatus();
}

SteadyTime Watcher::NextOwnDeadline() const {
  SteadyTime time = SteadyTime::max();
  if (stream_ == nullptr) time = open_at_;
  if (stream_ != nullptr && !stream_->confirmed) time = stream_->confirm_by;
  if (streams_confirmed_ == 0)
    time = std::min(time, created_at_ + options_.first_open_timeout + milliseconds(1));
  // Far enough, and no overflow when it is turned into system time.
  return std::min(time, std::chrono::steady_clock::now() + std::chrono::hours(1));
}

void Watcher::Open() {
  stream_ = std::make_unique<Stream>();
  // A node that lost its leader ends the stream instead of keeping quiet, and we go on at one that has it.
  stream_->context.AddMetadata("hasleader", "true");
  // A call at a channel whose last attempt to connect failed would fail at once, and then nobody would drive
  // the next attempt; so such a call waits, but not for long.
  const std::shared_ptr<grpc::Channel>& channel = endpoints_.channel(endpoint_);
  const bool failed_before = channel->GetState(/*try_to_connect=*/true) == GRPC_CHANNEL_TRANSIENT_FAILURE;
  stream_->context.set_wait_for_ready(failed_before);
  stream_->confirm_by = std::chrono::steady_clock::now() +
                        (failed_before ? std::min(patience_, options_.open_timeout) : options_.open_timeout);
  stream_->rpc = pb::Watch::NewStub(channel)->PrepareAsyncWatch(&stream_->context, &queue_);
  stream_->rpc->StartCall(reinterpret_cast<void*>(kStarted));
  stream_->pending = 1;
  cursor_.OnStreamStart();
}

void Watcher::StartWrite(const pb::WatchRequest& request) {
  CAIRN_ASSERT(!stream_->writing, "gRPC takes one write at a time");
  stream_->rpc->Write(request, reinterpret_cast<void*>(kWritten));
  stream_->writing = true;
  ++stream_->pending;
}

void Watcher::OnTag(Tag tag, bool ok) {
  if (tag == kWoken) {
    const absl::MutexLock lock(&wake_mu_);
    wake_set_ = false;
    return;
  }
  CAIRN_ASSERT(stream_ != nullptr, "tag {} without a stream", static_cast<int>(tag));
  --stream_->pending;
  switch (tag) {
    case kStarted: {
      if (!ok) return OnStreamBroken();
      if (!stream_->finishing) stream_->confirm_by = std::chrono::steady_clock::now() + options_.open_timeout;
      pb::WatchRequest request;
      pb::WatchCreateRequest& create = *request.mutable_create_request();
      create.set_key(options_.key);
      create.set_range_end(options_.range_end);
      create.set_start_revision(cursor_.resume_revision());
      create.set_prev_kv(options_.prev_kv);
      create.set_progress_notify(options_.progress_notify);
      create.set_fragment(true);  // Large responses come in pieces; the cursor joins them.
      StartWrite(request);
      stream_->rpc->Read(&stream_->incoming, reinterpret_cast<void*>(kReadDone));
      ++stream_->pending;
      return;
    }
    case kWritten:
      stream_->writing = false;
      if (!ok) OnStreamBroken();
      return;
    case kReadDone:
      if (!ok) OnStreamBroken();
      return;
    case kFinished:
      stream_->finished = true;
      return;
    case kWoken:
      return;
  }
}

void Watcher::OnStreamBroken() {
  if (stream_->finishing) return;
  stream_->finishing = true;
  // Nothing more is wanted of it, and what is still in the queue must come out.
  stream_->rpc->Finish(&stream_->status, reinterpret_cast<void*>(kFinished));
  ++stream_->pending;
}

void Watcher::CheckOpenTimeout() {
  if (stream_ == nullptr || stream_->confirmed || stream_->finishing) return;
  if (std::chrono::steady_clock::now() < stream_->confirm_by) return;
  last_trouble_ = "the node did not confirm the watch in time";
  // Its operations come out of the queue as failed, which leads to OnStreamBroken().
  stream_->context.TryCancel();
  stream_->confirm_by = SteadyTime::max();
}

void Watcher::CloseStream() {
  if (stream_ == nullptr) return;
  stream_->context.TryCancel();
  while (stream_->pending > 0 || !stream_->finished) {
    if (stream_->pending == 0) {
      OnStreamBroken();
      continue;
    }
    void* tag = nullptr;
    bool ok = false;
    if (!queue_.Next(&tag, &ok)) break;
    const auto kind = static_cast<Tag>(reinterpret_cast<std::intptr_t>(tag));
    OnTag(kind, ok);
    if (kind == kReadDone && ok) OnStreamBroken();
  }
  stream_.reset();
}

void Watcher::RetryLater() {
  const bool was_confirmed = stream_->confirmed;
  stream_.reset();
  ++failures_;
  endpoints_.Failed(endpoint_);
  if (was_confirmed) {
    tried_ = 0;
    backoff_.Reset();
    patience_ = kFirstPatience;
  }
  ++tried_;
  // The others at once, one after the other; only when all have failed is there something to wait for.
  const SteadyTime now = std::chrono::steady_clock::now();
  open_at_ = now;
  if (tried_ % endpoints_.size() == 0) {
    open_at_ = now + backoff_.Next();
    patience_ = std::min(2 * patience_, kLastPatience);
  }
  endpoint_ = (endpoint_ + 1) % endpoints_.size();
}

std::optional<absl::StatusOr<pb::WatchResponse>> Watcher::OnResponse() {
  pb::WatchResponse response;
  response.Swap(&stream_->incoming);
  if (!stream_->finishing) {
    stream_->rpc->Read(&stream_->incoming, reinterpret_cast<void*>(kReadDone));
    ++stream_->pending;
  }

  if (response.canceled()) return OnCancelled(response);
  if (response.created()) {
    stream_->confirmed = true;
    ++streams_confirmed_;
    endpoints_.Succeeded(endpoint_);
    cursor_.OnCreated(response.header().revision());
    if (response.events().empty()) return std::nullopt;
  }
  absl::StatusOr<std::optional<pb::WatchResponse>> whole = cursor_.OnResponse(std::move(response));
  if (!whole.ok()) return End(whole.status());
  if (!whole->has_value()) return std::nullopt;
  return **std::move(whole);
}

std::optional<absl::StatusOr<pb::WatchResponse>> Watcher::OnCancelled(const pb::WatchResponse& response) {
  cancellation_ = response;
  const std::string& endpoint = endpoints_.name(endpoint_);
  if (response.compact_revision() > 0) return End(Compacted(response.compact_revision(), endpoint));
  return End(RefusalOf(response.cancel_reason(), endpoint));
}

}  // namespace cairn::kv::client
