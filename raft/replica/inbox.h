#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "raft/replica/ports.h"
#include "raft/replica/replica.h"

namespace cairn::raft {

// What happened around a replica, one kind of struct per kind of event.
namespace event {
struct LogPersisted {
  WriteNumber number;
};
struct Applied {
  Index index;
};
struct Installed {
  SnapshotMeta meta;
};
struct Flushed {
  EntryId flushed;
};
struct PeerMessages {
  NodeId from;
  std::vector<PeerMessage> messages;
};
struct PeerUnreachable {
  NodeId peer;
};
struct StreamBroken {
  NodeId peer;
};
struct SnapshotSent {
  NodeId to;
  std::optional<Index> index;
};
struct SnapshotReceived {
  NodeId from;
  Term term;
  std::unique_ptr<SnapshotSink> sink;
};
struct Fatal {
  absl::Status status;
};
struct TransferLeadership {
  std::optional<NodeId> to;
  Replica::TransferDone done;
};
struct ChangeMembership {
  MembershipChange change;
  ProposeDone done;
};
struct PeersChanged {};
struct BeginStop {
  bool hand_over = false;
  std::chrono::steady_clock::time_point deadline;
};
}  // namespace event

using Event =
    std::variant<event::LogPersisted, event::Applied, event::Installed, event::Flushed, event::PeerMessages,
                 event::PeerUnreachable, event::StreamBroken, event::SnapshotSent, event::SnapshotReceived,
                 event::Fatal, event::TransferLeadership, event::ChangeMembership, event::PeersChanged,
                 event::BeginStop>;

struct ClientProposal {
  Payload command;
  ProposeDone done;
};

// The replica thread's bounded inbox: many producers, one consumer that takes everything at once. A producer
// wakes the consumer only if it sleeps, so under load nobody pays for a wake-up.
//
// What cannot be bounded by dropping (completions, answers owed) is bounded by its makers; peers' messages
// beyond the bound are dropped, clients' payloads beyond it are let go and the request is refused by the
// replica.
class Inbox {
 public:
  struct Limits {
    std::size_t proposal_bytes = 0;
    std::size_t requests = 0;  // Proposals and reads, each.
    std::size_t peer_bytes = 0;
  };
  struct Batch {
    std::vector<ClientProposal> proposals;
    std::vector<ReadDone> reads;
    std::vector<Event> events;                   // In order of arrival.
    std::vector<ProposeDone> proposals_refused;  // Beyond the bound: to be answered kOverloaded.
    std::vector<ReadDone> reads_refused;

    [[nodiscard]] bool empty() const {
      return proposals.empty() && reads.empty() && events.empty() && proposals_refused.empty() &&
             reads_refused.empty();
    }
  };

  explicit Inbox(const Limits& limits) : limits_(limits) {}

  // Any thread. False: closed; nothing was taken over, and the arguments are as they were.
  bool Propose(Payload& command, ProposeDone& done);
  bool Read(ReadDone& done);
  bool Add(Event&& event);
  // False: closed, or no room; as above.
  bool AddPeerMessages(NodeId from, std::vector<PeerMessage>& messages);

  // The consumer: everything that is there, waiting until `deadline` at most for something to come.
  Batch Take(std::chrono::steady_clock::time_point deadline);

  // Nothing is accepted any more.
  void Close();

 private:
  void WakeIfAsleep();

  const Limits limits_;
  // Not absl::Mutex: the time-outs of its condition variable go by the wall clock, and a replica whose ticks
  // stop because somebody set the clock back would lose its leader (R103).
  std::mutex mutex_;  // Guards all that follows.
  std::condition_variable arrived_;
  Batch batch_;
  std::size_t proposal_bytes_ = 0;
  std::size_t peer_bytes_ = 0;
  bool asleep_ = false;
  bool closed_ = false;
};

}  // namespace cairn::raft
