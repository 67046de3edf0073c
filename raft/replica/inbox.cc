#include "raft/replica/inbox.h"

#include <utility>

namespace cairn::raft {
namespace {

// Roughly what a message costs in memory beside its payloads.
constexpr std::size_t kMessageOverhead = 128;

std::size_t SizeOf(const PeerMessage& message) {
  std::size_t size = kMessageOverhead;
  if (const auto* raft_message = std::get_if<Message>(&message)) {
    if (const auto* append = std::get_if<AppendRequest>(&raft_message->body)) {
      for (const Entry& entry : append->entries) size += kMessageOverhead + entry.payload.size();
    }
  } else if (const auto* forwarded = std::get_if<ForwardedProposals>(&message)) {
    for (const auto& [id, payload] : forwarded->proposals) size += kMessageOverhead + payload.size();
  }
  return size;
}

}  // namespace

bool Inbox::Propose(Payload& command, ProposeDone& done) {
  const std::lock_guard lock(mutex_);
  if (closed_) return false;
  const bool fits = batch_.proposals.size() < limits_.requests &&
                    (batch_.proposals.empty() || proposal_bytes_ + command.size() <= limits_.proposal_bytes);
  if (fits) {
    proposal_bytes_ += command.size();
    batch_.proposals.push_back({.command = std::move(command), .done = std::move(done)});
  } else {
    batch_.proposals_refused.push_back(std::move(done));
  }
  WakeIfAsleep();
  return true;
}

bool Inbox::Read(ReadDone& done) {
  const std::lock_guard lock(mutex_);
  if (closed_) return false;
  auto& place = batch_.reads.size() < limits_.requests ? batch_.reads : batch_.reads_refused;
  place.push_back(std::move(done));
  WakeIfAsleep();
  return true;
}

bool Inbox::Add(Event&& event) {
  const std::lock_guard lock(mutex_);
  if (closed_) return false;
  batch_.events.push_back(std::move(event));
  WakeIfAsleep();
  return true;
}

bool Inbox::AddPeerMessages(NodeId from, std::vector<PeerMessage>& messages) {
  std::size_t size = 0;
  for (const PeerMessage& message : messages) size += SizeOf(message);
  const std::lock_guard lock(mutex_);
  if (closed_ || (peer_bytes_ > 0 && peer_bytes_ + size > limits_.peer_bytes)) return false;
  peer_bytes_ += size;
  batch_.events.push_back(event::PeerMessages{.from = from, .messages = std::move(messages)});
  WakeIfAsleep();
  return true;
}

Inbox::Batch Inbox::Take(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  while (batch_.empty()) {
    asleep_ = true;
    const bool timed_out = arrived_.wait_until(lock, deadline) == std::cv_status::timeout;
    asleep_ = false;
    if (timed_out) break;
  }
  proposal_bytes_ = 0;
  peer_bytes_ = 0;
  return std::exchange(batch_, {});
}

void Inbox::Close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  WakeIfAsleep();
}

void Inbox::WakeIfAsleep() {
  if (!asleep_) return;
  asleep_ = false;  // One wake-up is enough.
  arrived_.notify_one();
}

}  // namespace cairn::raft
