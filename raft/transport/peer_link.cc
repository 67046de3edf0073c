#include "raft/transport/peer_link.h"

#include <utility>
#include <variant>

#include "raft/base/assert.h"
#include "raft/base/probe.h"
#include "raft/transport/codec.h"
#include "raft/transport/sabotage.h"

namespace cairn::raft {
namespace {

void Add(std::atomic<std::uint64_t>& counter, std::uint64_t n = 1) {
  counter.fetch_add(n, std::memory_order_relaxed);
}

std::uint64_t Get(const std::atomic<std::uint64_t>& counter) {
  return counter.load(std::memory_order_relaxed);
}

bool IsAppend(const PeerMessage& message) {
  const auto* core = std::get_if<Message>(&message);
  return core != nullptr && std::holds_alternative<AppendRequest>(core->body);
}

ForwardRefused RefusalOf(const ForwardedProposals& forwarded) {
  ForwardRefused refused{.term = forwarded.term, .proposals = {}, .overloaded = true};
  refused.proposals.reserve(forwarded.proposals.size());
  for (const auto& [id, payload] : forwarded.proposals) refused.proposals.push_back(id);
  return refused;
}

}  // namespace

PeerLink::PeerLink(NodeId id, const Environment& environment)
    : id_(id), environment_(environment), outbox_(environment.options.max_queue_bytes) {}

void PeerLink::Send(PeerMessage message) {
  if (EstimateBytes(message) > environment_.options.max_message_bytes) {
    environment_.Tell(
        Environment::Severity::kWarning,
        fmt::format("a message of about {} bytes to member {:x} is larger than the limit of {}; dropped",
                    EstimateBytes(message), id_, environment_.options.max_message_bytes));
    Lost lost;
    {
      absl::MutexLock lock(&mu_);
      Drop(std::move(message), lost);
    }
    return Report(std::move(lost));
  }
  Lost lost;
  {
    absl::MutexLock lock(&mu_);
    const Outbox::Pushed pushed = stream_ == nullptr ? Outbox::Pushed::kFull : outbox_.Push(message);
    if (pushed == Outbox::Pushed::kReplaced) Add(messages_replaced_);
    if (pushed != Outbox::Pushed::kFull) return;
    Drop(std::move(message), lost);
  }
  Report(std::move(lost));
}

void PeerLink::Drop(PeerMessage message, Lost& lost) {
  Add(messages_dropped_);
  if (IsAppend(message) && !std::exchange(unreachable_told_, true)) lost.unreachable = true;
  if (const auto* forwarded = std::get_if<ForwardedProposals>(&message);
      forwarded != nullptr && !Broken(TransportRule::kRefuseForwards)) {
    lost.refusals.emplace_back(RefusalOf(*forwarded));
  }
}

void PeerLink::Report(Lost lost) const {
  if (environment_.events == nullptr) return;
  if (lost.unreachable) environment_.events->OnPeerUnreachable(id_);
  if (!lost.refusals.empty()) environment_.events->OnPeerMessages(id_, std::move(lost.refusals));
}

void PeerLink::Flush() {
  Frame frame;
  std::shared_ptr<ByteStream> stream;
  {
    absl::MutexLock lock(&mu_);
    if (stream_ == nullptr || outbox_.empty() || !stream_->ClaimWrite()) return;
    stream = stream_;
    frame.messages = outbox_.Take(environment_.options.max_frame_bytes);
    in_flight_ = true;
    if (unreachable_told_ && outbox_.relaxed()) unreachable_told_ = false;
  }
  round_trip_.Mark(frame, RoundTripMeter::Clock::now());
  const grpc::ByteBuffer buffer = EncodeFrame(frame);
  Add(frames_sent_);
  Add(messages_sent_, frame.messages.size());
  Add(bytes_sent_, buffer.Length());
  stream->Write(buffer);
}

void PeerLink::Written() {
  {
    absl::MutexLock lock(&mu_);
    in_flight_ = false;
  }
  Flush();
}

std::shared_ptr<ByteStream> PeerLink::Attach(std::shared_ptr<ByteStream> stream) {
  Add(opened_);
  round_trip_.Restart();
  std::shared_ptr<ByteStream> old;
  {
    absl::MutexLock lock(&mu_);
    unreachable_told_ = false;
    if (std::exchange(in_flight_, false)) Add(frames_failed_);
    old = std::exchange(stream_, std::move(stream));
  }
  // What had left over the old stream may never arrive.
  if (old != nullptr) Report({.unreachable = true, .refusals = {}});
  return old;
}

bool PeerLink::Detach(const ByteStream& stream) {
  Lost lost;
  std::shared_ptr<ByteStream> old;
  {
    absl::MutexLock lock(&mu_);
    if (stream_.get() != &stream) return false;
    old = std::exchange(stream_, nullptr);
    if (std::exchange(in_flight_, false)) Add(frames_failed_);
    // What had left may be lost as well: the core has to find out where the peer stands.
    lost.unreachable = !Broken(TransportRule::kTellOfBreak);
    unreachable_told_ = true;
    for (PeerMessage& message : outbox_.TakeAll()) Drop(std::move(message), lost);
  }
  Add(broken_);
  Report(std::move(lost));
  return true;
}

void PeerLink::Receive(Frame frame, std::size_t bytes) {
  Add(frames_received_);
  Add(messages_received_, frame.messages.size());
  Add(bytes_received_, bytes);
  round_trip_.See(frame, RoundTripMeter::Clock::now());
  if (!frame.messages.empty()) environment_.events->OnPeerMessages(id_, std::move(frame.messages));
}

bool PeerLink::connected() const {
  absl::MutexLock lock(&mu_);
  return stream_ != nullptr;
}

PeerStats PeerLink::stats() const {
  PeerStats stats{.id = id_,
                  .connected = connected(),
                  .bytes_sent = Get(bytes_sent_),
                  .bytes_received = Get(bytes_received_),
                  .frames_sent = Get(frames_sent_),
                  .frames_received = Get(frames_received_),
                  .messages_sent = Get(messages_sent_),
                  .messages_received = Get(messages_received_),
                  .messages_dropped = Get(messages_dropped_),
                  .messages_replaced = Get(messages_replaced_),
                  .frames_failed = Get(frames_failed_),
                  .streams_opened = Get(opened_),
                  .streams_broken = Get(broken_),
                  .streams_refused = Get(refused_),
                  .queue_bytes = 0,
                  .round_trip = round_trip_.histogram()};
  absl::MutexLock lock(&mu_);
  stats.queue_bytes = outbox_.bytes();
  return stats;
}

}  // namespace cairn::raft
