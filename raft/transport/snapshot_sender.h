#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "raft/transport/byte_stream.h"
#include "raft/transport/environment.h"
#include "raft/transport/peers.h"
#include "raft/transport/snapshot_codec.h"

namespace cairn::raft {

// Sends snapshots, each on a connection of its own, a few at a time; the others wait for their turn. A
// transfer that breaks, or whose receiver falls silent, begins again where the receiver stands, and is given
// up when it stands still. All on the snapshot loop's thread, file reads included, but for Begin(), Cancel()
// and the counters.
class SnapshotSender {
 public:
  SnapshotSender(const Environment& environment, CompletionLoop& loop, const Peers& peers)
      : environment_(environment), loop_(loop), peers_(peers) {}

  // Any thread. Answered once by OnSnapshotSent(), unless another Begin() for the same peer comes before.
  void Begin(NodeId to, Term term);

  // Any thread. Gives up what Begin() asked for before, which is answered as not sent unless the receiver has
  // already said that it has it all. Nothing if there is nothing.
  void Cancel(NodeId to);

  // Cancels everything; no answers come.
  void Close();

  struct Counters {
    std::atomic<std::uint64_t> sent{0};
    std::atomic<std::uint64_t> failures{0};
    std::atomic<std::uint64_t> resumes{0};
    std::atomic<std::uint64_t> bytes{0};
  };
  [[nodiscard]] const Counters& counters() const { return counters_; }

 private:
  class Transfer;
  struct Waiting {
    NodeId to;
    Term term;
  };

  void Enqueue(Waiting next);
  void CallOff(NodeId to);
  void StartNext();
  void OnDone(Transfer& transfer, std::optional<Index> index);
  // When the next `bytes` may leave.
  std::chrono::milliseconds Throttle(std::size_t bytes);
  // So that no chunk has to wait for the throttle until the receiver thinks that we are gone.
  [[nodiscard]] std::size_t MaxChunkBytes() const;

  const Environment& environment_;
  CompletionLoop& loop_;
  const Peers& peers_;
  Counters counters_;

  bool closed_ = false;
  std::deque<Waiting> waiting_;
  std::map<NodeId, std::shared_ptr<Transfer>> running_;
  CompletionLoop::Clock::time_point free_from_;  // The allowance is used up until then.
};

}  // namespace cairn::raft
