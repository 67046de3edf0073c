#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <set>
#include <utility>

#include "raft/transport/byte_stream.h"
#include "raft/transport/environment.h"
#include "raft/transport/peers.h"
#include "raft/transport/snapshot_codec.h"

namespace cairn::raft {

// Takes in snapshots, one at a time: a state has one place to put one. A stream of the same or a later term
// takes the place of the one before, whose sender will have lost its connection or its lead. All on the
// snapshot loop's thread, writes and the final check included.
class SnapshotReceiver {
 public:
  using Request = Peers::Request;

  SnapshotReceiver(const Environment& environment, CompletionLoop& loop, Peers& peers)
      : environment_(environment), loop_(loop), peers_(peers) {}

  // Waits for calls of Snapshots.Send, with `request` for each.
  void Listen(Request request);

  // Cancels everything; nothing new begins.
  void Close();

  struct Counters {
    std::atomic<std::uint64_t> received{0};
    std::atomic<std::uint64_t> failures{0};
    std::atomic<std::uint64_t> bytes{0};
  };
  [[nodiscard]] const Counters& counters() const { return counters_; }  // Any thread.

 private:
  class Incoming;

  void AcceptNext();
  void OnAccepted(const std::shared_ptr<Incoming>& incoming);
  void OnIntroduced(const std::shared_ptr<Incoming>& incoming);
  void OnOver(const std::shared_ptr<Incoming>& incoming);
  // Makes `incoming` the one that may write, unless one of a later term does.
  bool TakePlace(const std::shared_ptr<Incoming>& incoming);
  // Not again when the same one goes on over another stream.
  void TellOfBegin(NodeId from, Index index);

  const Environment& environment_;
  CompletionLoop& loop_;
  Peers& peers_;
  Counters counters_;
  Request request_;
  bool closed_ = false;
  std::set<std::shared_ptr<Incoming>> streams_;
  std::deque<std::shared_ptr<Incoming>> strangers_in_;  // Those that are not introduced, oldest first.
  std::shared_ptr<Incoming> current_;                   // The one that has a sink; null if none.
  std::pair<NodeId, Index> told_of_;
};

}  // namespace cairn::raft
