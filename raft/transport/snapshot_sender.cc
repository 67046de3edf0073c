#include "raft/transport/snapshot_sender.h"

#include <algorithm>
#include <utility>

#include "raft/base/probe.h"
#include "raft/base/status.h"
#include "raft/transport/channel.h"
#include "raft/transport/sabotage.h"

namespace cairn::raft {
namespace {

constexpr char kMethod[] = "/cairn.raft.wire.Snapshots/Send";

}  // namespace

// One snapshot on its way to one peer, over as many streams as it takes.
class SnapshotSender::Transfer final : public std::enable_shared_from_this<Transfer> {
 public:
  Transfer(SnapshotSender& sender, NodeId to, Term term) : sender_(sender), to_(to), term_(term) {}

  [[nodiscard]] NodeId to() const { return to_; }

  void Start() {
    if (!sender_.environment_.hooks.open_snapshot) return GiveUp("this node has no snapshots");
    absl::StatusOr<std::unique_ptr<SnapshotSource>> source = sender_.environment_.hooks.open_snapshot();
    if (!source.ok()) return GiveUp(MessageOf(source.status()));
    source_ = *std::move(source);
    Attempt();
  }

  void Abandon() {
    over_ = true;
    if (stream_ != nullptr) stream_->Cancel();
  }

 private:
  // One stream. A separate object, because the end of one attempt may come after the next has begun.
  struct Attempted final : StreamEvents {
    explicit Attempted(std::shared_ptr<Transfer> owner) : transfer(std::move(owner)) {}
    void OnOpened() override { transfer->OnOpened(); }
    void OnRead(const grpc::ByteBuffer& message) override { transfer->OnRead(message); }
    void OnWritten() override { transfer->SendNext(); }
    void OnEnded(const grpc::Status& status) override { transfer->OnEnded(status); }
    const std::shared_ptr<Transfer> transfer;
  };

  void Attempt() {
    if (over_) return;
    const std::vector<std::string> targets = sender_.peers_.Targets(to_);
    if (targets.empty()) return GiveUp("it is not a peer any more, or has no address");
    const std::string& target = targets[static_cast<std::size_t>(attempts_made_++) % targets.size()];
    stage_ = Stage::kAsking;
    delayed_ = false;
    empty_sent_ = false;
    --attempts_left_;
    stream_ = DialledStream::Start(sender_.loop_, DialPeer(target, sender_.environment_.options), kMethod,
                                   DialledStream::Wait::kNo, std::make_shared<Attempted>(shared_from_this()));
  }

  void OnOpened() {
    Write(SnapshotBegin{.hello = Introduce(sender_.environment_.self, to_),
                        .term = term_,
                        .meta = source_->meta(),
                        .manifest = source_->manifest()});
    stream_->Read();
  }

  void OnRead(const grpc::ByteBuffer& message) {
    absl::StatusOr<SnapshotPart> part = DecodeSnapshotPart(message);
    if (part.ok() && std::holds_alternative<SnapshotResume>(*part) && stage_ == Stage::kAsking) {
      at_ = std::get<SnapshotResume>(*part).from;
      if (Broken(TransportRule::kResume)) at_ = {};
      if (IsInside(at_)) {
        if (at_ != SnapshotSink::Position{})
          sender_.counters_.resumes.fetch_add(1, std::memory_order_relaxed);
        stage_ = Stage::kSending;
        stream_->Read();
        return SendNext();
      }
    }
    if (part.ok() && std::holds_alternative<SnapshotReceived>(*part) && stage_ == Stage::kEnded) {
      stage_ = Stage::kReceived;
    }
    stream_->Cancel();
  }

  [[nodiscard]] bool IsInside(const SnapshotSink::Position& at) const {
    const auto& files = source_->files();
    if (at.file == files.size()) return at.offset == 0;
    return at.file < files.size() && at.offset <= files[at.file].size;
  }

  // Goes on if the stream can take something: called when the receiver's position is known, after each write,
  // and when the throttle lets go.
  void SendNext() {
    if (over_ || delayed_ || stage_ != Stage::kSending) return;
    SkipFinishedFiles();
    if (at_.file == source_->files().size()) {
      if (!stream_->ClaimWrite()) return;
      stage_ = Stage::kEnded;
      return stream_->Write(EncodeSnapshotPart(SnapshotEnd{}), ByteStream::Last::kYes);
    }
    const std::uint64_t left = source_->files()[at_.file].size - at_.offset;
    const std::size_t length =
        std::min<std::uint64_t>(left, sender_.environment_.options.snapshot_chunk_bytes);
    const std::chrono::milliseconds wait = sender_.Throttle(length);
    if (wait.count() == 0) return SendChunk(length);
    delayed_ = true;
    sender_.loop_.After(wait, [self = shared_from_this(), length, attempt = attempts_made_] {
      self->delayed_ = false;
      if (self->attempts_made_ == attempt && self->stage_ == Stage::kSending) self->SendChunk(length);
    });
  }

  void SkipFinishedFiles() {
    const auto& files = source_->files();
    // An empty file travels as an empty chunk, so that the receiver hears of it.
    while (at_.file < files.size() && at_.offset == files[at_.file].size && (at_.offset > 0 || empty_sent_)) {
      at_ = {.file = at_.file + 1, .offset = 0};
      empty_sent_ = false;
    }
  }

  void SendChunk(std::size_t length) {
    if (over_ || stream_ == nullptr || !stream_->ClaimWrite()) return;
    std::string bytes;
    const absl::Status read = source_->Read(at_.file, at_.offset, length, bytes);
    if (!read.ok() || bytes.size() != length) {
      // The claim has to be used; what it says ends the stream.
      stream_->Write(EncodeSnapshotPart(SnapshotReceived{}), ByteStream::Last::kYes);
      return GiveUp(read.ok() ? "a file is shorter than it was" : MessageOf(read));
    }
    const SnapshotChunk chunk{.at = at_, .bytes = Payload::FromString(std::move(bytes))};
    at_.offset += length;
    empty_sent_ = length == 0;
    sender_.counters_.bytes.fetch_add(length, std::memory_order_relaxed);
    sent_any_ = true;
    stream_->Write(EncodeSnapshotPart(chunk));
  }

  void Write(const SnapshotPart& part) {
    if (stream_->ClaimWrite()) stream_->Write(EncodeSnapshotPart(part));
  }

  void OnEnded(const grpc::Status& status) {
    stream_.reset();
    if (over_) return;
    if (stage_ == Stage::kReceived) {
      over_ = true;
      sender_.counters_.sent.fetch_add(1, std::memory_order_relaxed);
      return sender_.OnDone(*this, source_->meta().last.index);
    }
    last_error_ = Printable(status.error_message());
    if (status.error_code() == grpc::StatusCode::FAILED_PRECONDITION) return GiveUp(last_error_);
    if (std::exchange(sent_any_, false)) attempts_left_ = sender_.environment_.options.snapshot_attempts;
    if (attempts_left_ <= 0) return GiveUp(last_error_);
    CAIRN_PROBE("snapshot_attempt_repeated");
    sender_.loop_.After(sender_.environment_.options.snapshot_retry_pause,
                        [self = shared_from_this()] { self->Attempt(); });
  }

  void GiveUp(std::string_view why) {
    over_ = true;
    sender_.environment_.Tell(Environment::Severity::kWarning,
                              fmt::format("gave up sending a snapshot to member {:x}: {}", to_, why));
    sender_.counters_.failures.fetch_add(1, std::memory_order_relaxed);
    if (stream_ != nullptr) stream_->Cancel();
    sender_.OnDone(*this, std::nullopt);
  }

  enum class Stage : std::uint8_t { kAsking, kSending, kEnded, kReceived };

  SnapshotSender& sender_;
  const NodeId to_;
  const Term term_;
  std::unique_ptr<SnapshotSource> source_;
  std::shared_ptr<ByteStream> stream_;
  Stage stage_ = Stage::kAsking;  // Of stream_.
  SnapshotSink::Position at_;     // What to send next.
  bool empty_sent_ = false;       // The empty file at at_ has been sent.
  bool delayed_ = false;          // The throttle holds the next chunk.
  bool sent_any_ = false;         // A chunk on this stream.
  bool over_ = false;             // Nothing is to be said any more.
  int attempts_made_ = 0;
  int attempts_left_ = sender_.environment_.options.snapshot_attempts;
  std::string last_error_;
};

void SnapshotSender::Begin(NodeId to, Term term) {
  loop_.Post([this, to, term] { Enqueue({.to = to, .term = term}); });
}

void SnapshotSender::Enqueue(Waiting next) {
  if (closed_) return;
  std::erase_if(waiting_, [&](const Waiting& waiting) { return waiting.to == next.to; });
  if (const auto old = running_.find(next.to); old != running_.end()) {
    old->second->Abandon();
    running_.erase(old);
  }
  waiting_.push_back(next);
  StartNext();
}

void SnapshotSender::StartNext() {
  while (!waiting_.empty() && running_.size() < environment_.options.max_outgoing_snapshots) {
    const Waiting next = waiting_.front();
    waiting_.pop_front();
    const auto transfer = std::make_shared<Transfer>(*this, next.to, next.term);
    running_[next.to] = transfer;
    transfer->Start();
  }
}

void SnapshotSender::OnDone(Transfer& transfer, std::optional<Index> index) {
  const auto running = running_.find(transfer.to());
  if (closed_ || running == running_.end() || running->second.get() != &transfer) return;
  environment_.events->OnSnapshotSent(transfer.to(), index);
  // The caller is the transfer itself, and perhaps StartNext().
  loop_.Post([this, done = std::move(running->second)] { StartNext(); });
  running_.erase(running);
}

std::chrono::milliseconds SnapshotSender::Throttle(std::size_t bytes) {
  const std::uint64_t rate = environment_.options.snapshot_bytes_per_second;
  if (rate == 0) return {};
  const auto now = CompletionLoop::Clock::now();
  const auto start = std::max(now, free_from_);
  free_from_ = start + std::chrono::microseconds(bytes * 1'000'000 / rate);
  return std::chrono::ceil<std::chrono::milliseconds>(start - now);
}

void SnapshotSender::Close() {
  closed_ = true;
  waiting_.clear();
  for (const auto& [to, transfer] : running_) transfer->Abandon();
  running_.clear();
}

}  // namespace cairn::raft
