#pragma once

#include <absl/synchronization/mutex.h>
#include <absl/time/time.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "raft/replica/ports.h"
#include "raft/transport/transport.h"

namespace cairn::raft::testing {

// How long tests wait for what should come: generous, since nothing waits that long when all is well.
inline absl::Duration patience = absl::Seconds(20);

// What a transport told its replica and its person, for tests to wait for. Thread-safe.
class Recorder final : public ReplicaEvents {
 public:
  struct Received {
    NodeId from;
    PeerMessage message;
  };
  struct SnapshotArrival {
    NodeId from;
    Term term;
    std::unique_ptr<SnapshotSink> sink;
  };
  struct Recorded {
    NodeId member;
    Incarnation incarnation;
    TransportHooks::IncarnationFrom from;
    friend bool operator==(const Recorded&, const Recorded&) = default;
  };
  // Everything so far.
  struct Seen {
    std::vector<Received> messages;
    std::map<NodeId, int> unreachable;
    std::map<NodeId, int> broken;
    std::vector<std::pair<NodeId, std::optional<Index>>> sent;
    std::vector<SnapshotArrival> arrived;
    std::vector<Recorded> recorded;
    int not_recorded = 0;  // While the disk was full.
    std::vector<std::string> notices;

    [[nodiscard]] int NoticesWith(std::string_view text) const;
  };

  // Whether `condition` came true in time.
  bool WaitFor(const std::function<bool(const Seen&)>& condition);

  // Under the lock.
  template <typename Look>
  auto With(const Look& look) {
    absl::MutexLock lock(&mu_);
    return look(seen_);
  }

  // All notices, one per line, for failure messages.
  std::string notices();

  // While held, OnPeerMessages() does not return: a replica (and so a stream) that is stuck.
  void Hold();
  void LetGo();

  // While it is full, no incarnation can be recorded.
  void SetDiskFull(bool full);

  // Hooks that record.
  TransportHooks hooks();

  void OnLogPersisted(WriteNumber /*number*/) override {}
  void OnApplied(Index /*index*/) override {}
  void OnInstalled(SnapshotMeta /*meta*/) override {}
  void OnFlushed(EntryId /*flushed*/) override {}
  void OnPeerMessages(NodeId from, std::vector<PeerMessage> messages) override;
  void OnPeerUnreachable(NodeId peer) override;
  void OnStreamBroken(NodeId peer) override;
  void OnSnapshotSent(NodeId to, std::optional<Index> index) override;
  void OnSnapshotReceived(NodeId from, Term term, std::unique_ptr<SnapshotSink> sink) override;
  void OnFatal(absl::Status /*status*/) override {}

 private:
  absl::Mutex mu_;
  Seen seen_;
  bool held_ = false;
  bool disk_full_ = false;
};

// A member with a transport on a free port of the loopback interface, or on the one it had before.
class TestMember {
 public:
  explicit TestMember(std::uint64_t id, std::uint64_t cluster = 100, std::uint64_t incarnation = 0);

  // Begins, or begins again after Stop(), with what was changed in `options`.
  absl::Status Start();
  void Stop() { transport.reset(); }

  [[nodiscard]] PeerPort::Peer AsPeer(bool with_incarnation = true) const;
  [[nodiscard]] NodeId id() const { return options.self; }
  [[nodiscard]] std::string url() const { return url_; }
  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] PeerStats StatsOf(NodeId peer) const;

  TransportOptions options;
  Recorder recorder;
  TransportHooks hooks = recorder.hooks();
  std::unique_ptr<Transport> transport;

 private:
  std::string url_;
};

// Starts all of them and makes each know the others.
void Connect(const std::vector<TestMember*>& members);

// Waits until the stream between the two is up on both sides.
bool WaitUntilConnected(TestMember& a, TestMember& b);

// A message whose index is `number`, to tell one from another; an entry of `bytes` bytes makes it as large.
PeerMessage Numbered(std::uint64_t number, std::size_t bytes = 0);
std::uint64_t NumberOf(const PeerMessage& message);

PeerMessage Heartbeat(std::uint64_t round);

}  // namespace cairn::raft::testing
