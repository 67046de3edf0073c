#include "raft/transport/snapshot_sender.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "raft/base/probe.h"
#include "raft/base/status.h"
#include "raft/transport/channel.h"
#include "raft/transport/sabotage.h"
#include "raft/transport/silence_watch.h"

namespace cairn::raft {
namespace {

constexpr char kMethod[] = "/cairn.raft.wire.Snapshots/Send";

// Chunks to each period of silence, at least, however low the rate.
constexpr std::uint64_t kChunksPerSilence = 4;

bool IsFurther(const SnapshotSink::Position& one, const SnapshotSink::Position& other) {
  return std::tie(one.file, one.offset) > std::tie(other.file, other.offset);
}

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

  // Without an answer.
  void Abandon() { End(); }

  // With one, unless it is on its way already.
  void CallOff() {
    if (over_ || stage_ == Stage::kReceived) return;
    GiveUp("called off");
  }

 private:
  // One stream. A separate object, because the end of one attempt may come after the next has begun.
  struct Attempted final : StreamEvents {
    explicit Attempted(std::shared_ptr<Transfer> owner) : transfer(std::move(owner)) {}
    void OnOpened() override { transfer->OnOpened(); }
    void OnRead(const grpc::ByteBuffer& message) override { transfer->OnRead(message); }
    void OnWritten() override { transfer->OnWritten(); }
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
    silent_ = false;
    --attempts_left_;
    stream_ = DialledStream::Start(sender_.loop_, DialPeer(target, sender_.environment_.options), kMethod,
                                   DialledStream::Wait::kNo, std::make_shared<Attempted>(shared_from_this()));
    WatchFor(sender_.environment_.options.snapshot_silence);
  }

  // Of this attempt, from now on: it ends if the receiver gives no sign for so long.
  void WatchFor(std::chrono::milliseconds limit) {
    watch_.Start(limit, [this] {
      CAIRN_PROBE("snapshot_receiver_silent");
      silent_ = true;
      stream_->Cancel();
    });
  }

  void OnOpened() {
    if (over_) return;
    watch_.Heard();
    Write(SnapshotBegin{.hello = Introduce(sender_.environment_.self, to_),
                        .term = term_,
                        .meta = source_->meta(),
                        .manifest = source_->manifest()});
    stream_->Read();
  }

  void OnRead(const grpc::ByteBuffer& message) {
    if (over_) return;
    watch_.Heard();
    absl::StatusOr<SnapshotPart> part = DecodeSnapshotPart(message);
    if (part.ok() && std::holds_alternative<SnapshotResume>(*part) && stage_ == Stage::kAsking) {
      at_ = std::get<SnapshotResume>(*part).from;
      if (Broken(TransportRule::kResume)) at_ = {};
      if (IsInside(at_)) {
        // What counts is what the receiver kept. That chunks left, or had a place to go, says nothing: it may
        // fail at the same one each time.
        if (IsFurther(at_, furthest_)) {
          furthest_ = at_;
          attempts_left_ = sender_.environment_.options.snapshot_attempts - 1;  // This one counts.
        }
        if (at_ != SnapshotSink::Position{})
          sender_.counters_.resumes.fetch_add(1, std::memory_order_relaxed);
        stage_ = Stage::kSending;
        if (!std::exchange(told_of_begin_, true)) Tell("sending");
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

  void OnWritten() {
    watch_.Heard();
    SendNext();
  }

  // Goes on if the stream can take something: called when the receiver's position is known, after each write,
  // and when the throttle lets go.
  void SendNext() {
    if (over_ || delayed_ || stage_ != Stage::kSending) return;
    SkipFinishedFiles();
    if (at_.file == source_->files().size()) {
      if (!stream_->ClaimWrite()) return;
      stage_ = Stage::kEnded;
      WatchFor(sender_.environment_.options.snapshot_finish_timeout);
      return stream_->Write(EncodeSnapshotPart(SnapshotEnd{}), ByteStream::Last::kYes);
    }
    const std::uint64_t left = source_->files()[at_.file].size - at_.offset;
    const std::size_t length = std::min<std::uint64_t>(left, sender_.MaxChunkBytes());
    const std::chrono::milliseconds wait = sender_.Throttle(length);
    if (wait.count() == 0) return SendChunk(length);
    delayed_ = true;
    sender_.loop_.After(wait, [self = shared_from_this(), length, attempt = attempts_made_] {
      if (self->over_ || self->attempts_made_ != attempt) return;
      self->delayed_ = false;
      self->watch_.Heard();  // It was our turn.
      if (self->stage_ == Stage::kSending) self->SendChunk(length);
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
    stream_->Write(EncodeSnapshotPart(chunk));
  }

  void Write(const SnapshotPart& part) {
    if (stream_->ClaimWrite()) stream_->Write(EncodeSnapshotPart(part));
  }

  void OnEnded(const grpc::Status& status) {
    stream_.reset();
    watch_.Stop();
    if (over_) return;
    if (stage_ == Stage::kReceived) {
      over_ = true;
      Tell("sent");
      sender_.counters_.sent.fetch_add(1, std::memory_order_relaxed);
      return sender_.OnDone(*this, source_->meta().last.index);
    }
    last_error_ = silent_ ? "the receiver fell silent" : Printable(status.error_message());
    if (status.error_code() == grpc::StatusCode::FAILED_PRECONDITION) return GiveUp(last_error_);
    if (attempts_left_ <= 0) return GiveUp(last_error_);
    CAIRN_PROBE("snapshot_attempt_repeated");
    sender_.loop_.After(sender_.environment_.options.snapshot_retry_pause,
                        [self = shared_from_this()] { self->Attempt(); });
  }

  // Nothing more leaves, and the checkpoint goes: it may be large.
  void End() {
    over_ = true;
    watch_.Stop();
    if (stream_ != nullptr) stream_->Cancel();
    source_.reset();
  }

  // Of the whole transfer, however many attempts it takes.
  void Tell(std::string_view what) {
    sender_.environment_.Tell(
        Environment::Severity::kInfo,
        fmt::format("{} member {:x} the snapshot at index {}", what, to_, source_->meta().last.index));
  }

  void GiveUp(std::string_view why) {
    End();
    sender_.environment_.Tell(Environment::Severity::kWarning,
                              fmt::format("gave up sending a snapshot to member {:x}: {}", to_, why));
    sender_.counters_.failures.fetch_add(1, std::memory_order_relaxed);
    sender_.OnDone(*this, std::nullopt);
  }

  enum class Stage : std::uint8_t { kAsking, kSending, kEnded, kReceived };

  SnapshotSender& sender_;
  const NodeId to_;
  const Term term_;
  std::unique_ptr<SnapshotSource> source_;  // Null before Start() and once over.
  std::shared_ptr<ByteStream> stream_;
  SilenceWatch watch_{sender_.loop_};  // Of stream_, while there is one.
  Stage stage_ = Stage::kAsking;       // Of stream_.
  SnapshotSink::Position at_;          // What to send next.
  bool empty_sent_ = false;            // The empty file at at_ has been sent.
  bool delayed_ = false;               // The throttle holds the next chunk.
  bool silent_ = false;                // watch_ ended stream_.
  bool over_ = false;                  // Nothing is to be said any more.
  bool told_of_begin_ = false;
  int attempts_made_ = 0;
  SnapshotSink::Position furthest_;                                     // Where the receiver stood at best.
  int attempts_left_ = sender_.environment_.options.snapshot_attempts;  // Unless it stands further.
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

void SnapshotSender::Cancel(NodeId to) {
  loop_.Post([this, to] { CallOff(to); });
}

void SnapshotSender::CallOff(NodeId to) {
  if (closed_) return;
  if (std::erase_if(waiting_, [&](const Waiting& waiting) { return waiting.to == to; }) > 0) {
    return environment_.events->OnSnapshotSent(to, std::nullopt);
  }
  if (const auto found = running_.find(to); found != running_.end()) {
    const std::shared_ptr<Transfer> transfer = found->second;  // Its answer takes it out of running_.
    transfer->CallOff();
  }
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

std::size_t SnapshotSender::MaxChunkBytes() const {
  const TransportOptions& options = environment_.options;
  if (options.snapshot_bytes_per_second == 0) return options.snapshot_chunk_bytes;
  const std::uint64_t per_silence =
      options.snapshot_bytes_per_second * static_cast<std::uint64_t>(options.snapshot_silence.count()) / 1000;
  const std::uint64_t allowed = per_silence / (kChunksPerSilence * options.max_outgoing_snapshots);
  return std::clamp<std::uint64_t>(allowed, 1, options.snapshot_chunk_bytes);
}

void SnapshotSender::Close() {
  closed_ = true;
  waiting_.clear();
  for (const auto& [to, transfer] : running_) transfer->Abandon();
  running_.clear();
}

}  // namespace cairn::raft
