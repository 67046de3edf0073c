#include "raft/transport/outbox.h"

#include <utility>
#include <variant>

#include "raft/base/assert.h"
#include "raft/transport/codec.h"
#include "raft/transport/sabotage.h"

namespace cairn::raft {
namespace {

// For messages without payloads, beyond the bound.
constexpr std::size_t kReserveBytes = 1 << 20;

template <typename Body>
const Body* BodyOf(const PeerMessage& message) {
  const auto* core = std::get_if<Message>(&message);
  return core == nullptr ? nullptr : std::get_if<Body>(&core->body);
}

bool CarriesPayloads(const PeerMessage& message) {
  if (std::holds_alternative<ForwardedProposals>(message)) return true;
  const auto* append = BodyOf<AppendRequest>(message);
  return append != nullptr && !append->entries.empty();
}

}  // namespace

std::optional<Outbox::Kind> Outbox::KindOf(const PeerMessage& message) {
  if (BodyOf<HeartbeatRequest>(message) != nullptr) return kHeartbeat;
  if (BodyOf<HeartbeatReply>(message) != nullptr) return kHeartbeatReply;
  const auto* reply = BodyOf<AppendReply>(message);
  if (reply != nullptr && reply->accepted) return kAcknowledgement;
  return std::nullopt;
}

bool Outbox::Supersedes(Kind kind, const PeerMessage& newer, const PeerMessage& older) {
  // A later round confirms the earlier ones, a greater match includes the smaller one; but only within a
  // term.
  if (!Broken(TransportRule::kReplaceWithinTerm) &&
      std::get<Message>(newer).term != std::get<Message>(older).term)
    return false;
  switch (kind) {
    case kHeartbeat:
      return BodyOf<HeartbeatRequest>(newer)->round >= BodyOf<HeartbeatRequest>(older)->round;
    case kHeartbeatReply:
      return BodyOf<HeartbeatReply>(newer)->round >= BodyOf<HeartbeatReply>(older)->round;
    case kAcknowledgement:
      return BodyOf<AppendReply>(newer)->match >= BodyOf<AppendReply>(older)->match;
    case kKinds:
      break;
  }
  CAIRN_ASSERT(false, "kind={}", static_cast<int>(kind));
}

Outbox::Pushed Outbox::Push(PeerMessage& message) {
  const std::optional<Kind> kind = KindOf(message);
  if (kind && newest_[*kind] && *newest_[*kind] >= popped_) {
    Item& waiting = items_[static_cast<std::size_t>(*newest_[*kind] - popped_)];
    if (Supersedes(*kind, message, waiting.message)) {
      waiting.message = std::move(message);
      return Pushed::kReplaced;
    }
  }
  const std::size_t bytes = EstimateBytes(message);
  const std::size_t bound = CarriesPayloads(message) ? max_bytes_ : max_bytes_ + kReserveBytes;
  // A single message may be larger than the bound; alone it still goes.
  if (!Broken(TransportRule::kQueueBound) && bytes_ + bytes > bound && !items_.empty()) return Pushed::kFull;
  if (kind) newest_[*kind] = popped_ + items_.size();
  items_.emplace_back(std::move(message), bytes);
  bytes_ += bytes;
  return Pushed::kAdded;
}

PeerMessage Outbox::PopFront() {
  PeerMessage message = std::move(items_.front().message);
  bytes_ -= items_.front().bytes;
  items_.pop_front();
  ++popped_;
  return message;
}

std::vector<PeerMessage> Outbox::Take(std::size_t max_bytes) {
  std::vector<PeerMessage> taken;
  std::size_t bytes = 0;
  while (!items_.empty() && (taken.empty() || bytes + items_.front().bytes <= max_bytes)) {
    bytes += items_.front().bytes;
    taken.push_back(PopFront());
  }
  return taken;
}

std::vector<PeerMessage> Outbox::TakeAll() {
  std::vector<PeerMessage> taken;
  taken.reserve(items_.size());
  while (!items_.empty()) taken.push_back(PopFront());
  return taken;
}

}  // namespace cairn::raft
