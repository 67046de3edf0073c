#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "raft/replica/ports.h"

namespace cairn::raft {

// What waits for one peer: bounded, in order, and without what a newer message makes pointless. A heartbeat,
// a heartbeat reply or an acknowledgement takes the place of the one that still waits, so that a slow peer
// finds the newest and not a backlog. Not thread-safe.
class Outbox {
 public:
  // Bytes as EstimateBytes() counts them. Messages without payloads may exceed the bound by a little: there
  // is always room for elections and heartbeats beside bulk.
  explicit Outbox(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  enum class Pushed : std::uint8_t { kAdded, kReplaced, kFull };

  // kFull leaves `message` as it was; otherwise it is taken.
  Pushed Push(PeerMessage& message);

  // The oldest messages, as many as fit into `max_bytes`, at least one.
  std::vector<PeerMessage> Take(std::size_t max_bytes);

  std::vector<PeerMessage> TakeAll();

  [[nodiscard]] bool empty() const { return items_.empty(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  // Enough room again to call an overflow over.
  [[nodiscard]] bool relaxed() const { return bytes_ <= max_bytes_ / 2; }

 private:
  struct Item {
    PeerMessage message;
    std::size_t bytes;
  };
  // Kinds of which the newest wins.
  enum Kind : std::uint8_t { kHeartbeat, kHeartbeatReply, kAcknowledgement, kKinds };

  static std::optional<Kind> KindOf(const PeerMessage& message);
  // Whether nothing is lost if `newer` arrives without `older` of the same kind.
  static bool Supersedes(Kind kind, const PeerMessage& newer, const PeerMessage& older);
  PeerMessage PopFront();

  const std::size_t max_bytes_;
  std::deque<Item> items_;
  std::size_t bytes_ = 0;  // Sum over items_.
  std::uint64_t popped_ = 0;
  // Of each kind the newest that was added, counted from the first message ever; waiting if >= popped_.
  std::array<std::optional<std::uint64_t>, kKinds> newest_;
};

}  // namespace cairn::raft
