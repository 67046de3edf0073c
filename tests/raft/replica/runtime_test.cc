#include "raft/replica/runtime.h"

#include <absl/synchronization/notification.h>
#include <absl/time/time.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "raft/base/status.h"
#include "raft/log/posix_disk.h"
#include "raft/replica/reconcile.h"
#include "tests/raft/replica/one_replica.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/toy_machine.h"

// The replica with its real threads and a real disk.
namespace cairn::raft {
namespace {

using sim::PutCommand;
using sim::ToyDisk;
using sim::ToyMachine;

constexpr std::chrono::seconds kPatience{20};  // Far beyond what any test needs, also under a sanitizer.

// Wakes who waits for something to become true: rung by whoever may have made it so.
class Bell {
 public:
  void Ring() { const absl::MutexLock lock(&mutex_); }
  // `condition` must take no lock that Ring() may be called under.
  [[nodiscard]] bool Await(const std::function<bool()>& condition) {
    const absl::MutexLock lock(&mutex_);
    return mutex_.AwaitWithTimeout(absl::Condition(&condition), absl::FromChrono(kPatience));
  }

 private:
  absl::Mutex mutex_;
};

// Counts answers from any thread.
class Answers {
 public:
  void Add() {
    ++count_;
    bell_.Ring();
  }
  [[nodiscard]] int count() const { return count_; }
  [[nodiscard]] bool Await(int count) {
    return bell_.Await([&] { return count_ == count; });
  }

 private:
  std::atomic<int> count_{0};
  Bell bell_;
};

// What an answer said. Not the absl::Status itself: its text is counted in a library that was built without
// the thread sanitizer, so letting go of one's copy in two threads looks like a race.
struct Reply {
  Reply() = default;
  explicit Reply(const absl::Status& status)
      : ok(status.ok()), error(RaftErrorOf(status)), message(MessageOf(status)) {}

  bool ok = false;
  std::optional<RaftError> error;
  std::string message;
  std::string value;  // Of a read.
};

// The members of one process: a message is handed to the other's inbox.
class Switchboard {
 public:
  void Connect(NodeId id, ReplicaEvents* events, StateMachine* machine) {
    const absl::MutexLock lock(&mutex_);
    members_[id] = {.events = events, .machine = machine};
  }
  void Disconnect(NodeId id) {
    const absl::MutexLock lock(&mutex_);
    members_.erase(id);
  }
  // Calls `use` with the member if it is connected; it stays connected meanwhile.
  bool With(NodeId id, const std::function<void(ReplicaEvents&, StateMachine&)>& use) {
    const absl::MutexLock lock(&mutex_);
    const auto member = members_.find(id);
    if (member == members_.end()) return false;
    use(*member->second.events, *member->second.machine);
    return true;
  }

 private:
  struct Member {
    ReplicaEvents* events;
    StateMachine* machine;
  };
  absl::Mutex mutex_;
  std::map<NodeId, Member> members_ ABSL_GUARDED_BY(mutex_);
};

class InProcessPeers final : public PeerPort {
 public:
  InProcessPeers(NodeId self, Switchboard& board) : self_(self), board_(board) {}

  void Send(NodeId to, PeerMessage message) override { queues_[to].push_back(std::move(message)); }
  void Flush() override {
    for (auto& [to, queue] : queues_) {
      if (queue.empty()) continue;
      board_.With(
          to, [&](ReplicaEvents& events, StateMachine&) { events.OnPeerMessages(self_, std::move(queue)); });
      queue.clear();
    }
  }
  void SendSnapshot(NodeId to, Term term) override {
    std::unique_ptr<SnapshotSource> source;
    board_.With(self_, [&](ReplicaEvents&, StateMachine& machine) { source = *machine.OpenSnapshot(); });
    const bool received =
        source != nullptr && board_.With(to, [&](ReplicaEvents& events, StateMachine& machine) {
          std::unique_ptr<SnapshotSink> sink = *machine.ReceiveSnapshot(source->meta(), source->manifest());
          std::string bytes;
          absl::Status status = source->Read(0, 0, source->files()[0].size, bytes);
          status.Update(sink->Write(sink->next(), bytes));
          status.Update(sink->Finish());
          ASSERT_TRUE(status.ok()) << status;
          events.OnSnapshotReceived(self_, term, std::move(sink));
        });
    board_.With(self_, [&](ReplicaEvents& events, StateMachine&) {
      events.OnSnapshotSent(to, received ? std::optional(source->meta().last.index) : std::nullopt);
    });
  }
  void CancelSnapshot(NodeId /*to*/) override {}  // None is ever on its way.
  void SetPeers(std::vector<Peer>) override {}

 private:
  const NodeId self_;
  Switchboard& board_;
  std::map<NodeId, std::vector<PeerMessage>> queues_;
};

enum class Leaving : std::uint8_t { kHandOver, kAtOnce };

// A member: directories that outlive it, and the running part.
class Member {
 public:
  Member(NodeId id, std::vector<NodeId> voters, Switchboard& board, std::string directory)
      : id_(id), board_(board), directory_(std::move(directory)) {
    toy_disk_.state.meta.config.voters = std::move(voters);
  }
  ~Member() { Stop(Leaving::kAtOnce); }

  void Start() {
    ++starts_;
    auto disk = PosixDisk::Open(directory_);
    ASSERT_TRUE(disk.ok()) << disk.status();
    disk_ = *std::move(disk);
    auto opened = SegmentedLog::Open(*disk_, {.segment_bytes = 1 << 16, .spare_segments = 1});
    ASSERT_TRUE(opened.ok()) << opened.status();
    machine_ = std::make_unique<ToyMachine>(toy_disk_, nullptr, [this](const std::function<void()>& flush) {
      flush();
      flushed_.Ring();
    });
    auto restored = Reconcile(std::move(opened->contents), machine_->recovered(), *opened->log);
    ASSERT_TRUE(restored.ok()) << restored.status();
    runtime_ = std::make_unique<ReplicaRuntime>(
        Options(), *std::move(restored), std::move(opened->log), *machine_,
        [](const Membership&) { return std::vector<PeerPort::Peer>(); },
        [this](const absl::Status& status) {
          failure_ = Reply(status);
          failed_.Notify();
        });
    peers_ = std::make_unique<InProcessPeers>(id_, board_);
    board_.Connect(id_, runtime_.get(), machine_.get());
    runtime_->Start(*peers_);
  }

  void Stop(Leaving leaving) {
    if (!runtime_) return;
    runtime_->Stop({.hand_over = leaving == Leaving::kHandOver, .patience = kPatience});
    board_.Disconnect(id_);
    runtime_.reset();
    machine_.reset();
  }

  // Waits for the answer.
  Reply Put(const std::string& key, const std::string& value) {
    absl::Notification answered;
    Reply reply;
    runtime_->Propose(PutCommand(key, value),
                      [&](const absl::StatusOr<std::unique_ptr<ApplyResult>>& result) {
                        reply = Reply(result.status());
                        answered.Notify();
                      });
    answered.WaitForNotification();
    return reply;
  }
  Reply Get(const std::string& key) {
    absl::Notification answered;
    Reply reply;
    runtime_->ReadBarrier([&](const absl::Status& status) {
      reply = Reply(status);
      answered.Notify();
    });
    answered.WaitForNotification();
    if (reply.ok) reply.value = machine_->Read(key).value;
    return reply;
  }

  ReplicaRuntime& runtime() { return *runtime_; }
  ToyMachine& machine() { return *machine_; }
  NodeId id() const { return id_; }
  absl::Notification& failed() { return failed_; }
  [[nodiscard]] bool AwaitFlushBeyond(Index index) {
    return flushed_.Await([&] { return machine_->flushed().index > index; });
  }
  const Reply& failure() const { return failure_; }

 private:
  ReplicaOptions Options() const {
    ReplicaOptions options;
    options.core.self = id_;
    options.core.seed = id_.value() * 100 + starts_;
    options.core.heartbeat_ticks = 3;
    options.core.election_ticks = 15;
    options.origin = id_.value() * 1000 + starts_;
    options.snapshot_count = 100;
    options.snapshot_bytes = 1;
    options.margin_entries = 10;
    return options;
  }

  const NodeId id_;
  Switchboard& board_;
  const std::string directory_;
  ToyDisk toy_disk_;
  std::uint64_t starts_ = 0;
  std::unique_ptr<PosixDisk> disk_;
  std::unique_ptr<ToyMachine> machine_;
  std::unique_ptr<InProcessPeers> peers_;
  std::unique_ptr<ReplicaRuntime> runtime_;
  absl::Notification failed_;
  Reply failure_;
  Bell flushed_;
};

class ReplicaRuntimeTest : public testing::Test {
 protected:
  ~ReplicaRuntimeTest() override {
    members_.clear();
    std::filesystem::remove_all(directory_);
  }

  void StartMembers(std::uint64_t count) {
    std::vector<NodeId> voters;
    for (std::uint64_t id = 1; id <= count; ++id) voters.emplace_back(id);
    for (const NodeId id : voters) {
      const std::filesystem::path path = directory_ / std::to_string(id.value());
      std::filesystem::create_directories(path);
      members_.push_back(std::make_unique<Member>(id, voters, board_, path.string()));
      members_.back()->Start();
    }
  }
  Member& member(std::uint64_t id) { return *members_.at(id - 1); }
  Member* Leader() {
    for (const auto& member : members_) {
      if (member->runtime().status().is_leader()) return member.get();
    }
    return nullptr;
  }

  const std::filesystem::path directory_ = std::filesystem::temp_directory_path() /
                                           ("cairn-runtime-test-" + std::to_string(getpid()) + "-" +
                                            testing::UnitTest::GetInstance()->current_test_info()->name());
  Switchboard board_;
  std::vector<std::unique_ptr<Member>> members_;
};

TEST_F(ReplicaRuntimeTest, ASingleNodeServesAndComesBackWithWhatItAcknowledged) {
  StartMembers(1);
  EXPECT_TRUE(member(1).Put("k", "1").ok);
  EXPECT_TRUE(member(1).Put("k", "2").ok);
  EXPECT_EQ(member(1).Get("k").value, "2");
  const GroupStatus status = member(1).runtime().status();
  EXPECT_TRUE(status.is_leader());
  EXPECT_GE(status.applied, Index{2});

  member(1).Stop(Leaving::kHandOver);
  member(1).Start();
  EXPECT_EQ(member(1).Get("k").value, "2");
  EXPECT_TRUE(member(1).Put("k", "3").ok);
  EXPECT_EQ(member(1).machine().Read("k").version, 3U);
}

// What a runtime of member 1 is made of, beside its state machine.
struct FirstMember {
  FirstMember() {
    options.core.self = NodeId{1};
    options.origin = 1;
  }
  SimDisk disk;
  SegmentedLog::Opened log =
      SegmentedLog::Open(disk, {.segment_bytes = 1 << 16, .spare_segments = 0}).value();
  ReplicaOptions options;
};

TEST_F(ReplicaRuntimeTest, EventsBeforeStartWaitForIt) {
  sim::ToyDisk toy_disk;
  toy_disk.state.meta.config.voters = {NodeId{1}};
  ToyMachine machine(toy_disk, nullptr, [](const std::function<void()>& flush) { flush(); });
  FirstMember first;
  // Before the log is handed over: arguments of one call are evaluated in any order.
  auto restored = Reconcile(std::move(first.log.contents), machine.recovered(), *first.log.log);
  ASSERT_TRUE(restored.ok()) << restored.status();
  ReplicaRuntime runtime(
      first.options, *std::move(restored), std::move(first.log.log), machine,
      [](const Membership&) { return std::vector<PeerPort::Peer>(); }, nullptr);
  runtime.OnPeerUnreachable(NodeId{2});
  absl::Notification answered;
  runtime.Propose(PutCommand("k", "v"), [&](const auto& result) {
    EXPECT_TRUE(result.ok()) << result.status();
    answered.Notify();
  });
  Switchboard board;
  InProcessPeers peers(NodeId{1}, board);
  runtime.Start(peers);
  answered.WaitForNotification();
  runtime.Stop({.hand_over = false, .patience = {}});
}

// Its sender has not heard yet that we do not lead any more. Without a word it would not know what became of
// it.
TEST(ReplicaRuntime, AForwardThatComesAfterTheStopIsRefused) {
  TestMachine machine;
  FirstMember first;
  RestoredState restored;
  restored.base.config.voters = {NodeId{1}, NodeId{2}};
  ReplicaRuntime runtime(
      first.options, std::move(restored), std::move(first.log.log), machine,
      [](const Membership&) { return std::vector<PeerPort::Peer>(); }, nullptr);
  RecordingPeers peers;
  runtime.Start(peers);
  runtime.Stop({.hand_over = false, .patience = {}});
  peers.sent.clear();
  const ProposalId id{.origin = 9, .sequence = 1};
  runtime.OnPeerMessages(
      NodeId{2}, {ForwardedProposals{.term = Term{3}, .proposals = {{id, Payload::FromString("c")}}}});
  ASSERT_EQ(peers.sent.size(), 1U);
  EXPECT_EQ(peers.sent[0].first, NodeId{2});
  const auto& refused = std::get<ForwardRefused>(peers.sent[0].second);
  EXPECT_EQ(refused.term, Term{3});
  EXPECT_EQ(refused.proposals, std::vector{id});
  EXPECT_FALSE(refused.overloaded);
}

TEST_F(ReplicaRuntimeTest, ThreeNodesServeThroughEachAndOutliveTheirLeader) {
  StartMembers(3);
  for (std::uint64_t id = 1; id <= 3; ++id) {
    ASSERT_TRUE(member(id).Put("k", "from" + std::to_string(id)).ok);
    for (std::uint64_t reader = 1; reader <= 3; ++reader) {
      EXPECT_EQ(member(reader).Get("k").value, "from" + std::to_string(id));
    }
  }
  Member* leader = Leader();
  ASSERT_NE(leader, nullptr);
  const std::uint64_t old_leader = leader->id().value();
  leader->Stop(Leaving::kHandOver);  // Hands over.
  const std::uint64_t other = old_leader == 1 ? 2 : 1;
  EXPECT_TRUE(member(other).Put("k", "after").ok);
  leader->Start();
  EXPECT_EQ(leader->Get("k").value, "after");
}

// Every request of every thread is answered exactly once, whatever happens to the leader meanwhile.
TEST_F(ReplicaRuntimeTest, ManyThreadsAreAnsweredOnceEachWhileTheLeaderIsHandedAround) {
  StartMembers(3);
  ASSERT_TRUE(member(1).Put("warm", "up").ok);
  constexpr int kThreads = 4;
  constexpr int kRequests = 400;
  Answers answers;
  std::atomic<int> succeeded{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kRequests; ++i) {
        ReplicaRuntime& runtime = member(1 + static_cast<std::uint64_t>(i % 3)).runtime();
        if (i % 4 == 3) {
          runtime.ReadBarrier([&](const absl::Status& status) {
            succeeded += status.ok() ? 1 : 0;
            answers.Add();
          });
        } else {
          runtime.Propose(PutCommand("k" + std::to_string(thread), std::to_string(i)),
                          [&](const auto& result) {
                            succeeded += result.ok() ? 1 : 0;
                            answers.Add();
                          });
        }
      }
    });
  }
  std::atomic<int> moves{0};
  for (int i = 0; i < 3; ++i) {
    if (Member* leader = Leader()) {
      absl::Notification moved;
      leader->runtime().TransferLeadership(std::nullopt, [&](const absl::Status& status) {
        moves += status.ok() ? 1 : 0;
        moved.Notify();
      });
      moved.WaitForNotification();
    }
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(answers.Await(kThreads * kRequests)) << answers.count();
  EXPECT_EQ(succeeded, kThreads * kRequests);
  for (const auto& member : members_) member->Stop(Leaving::kAtOnce);
  EXPECT_EQ(answers.count(), kThreads * kRequests);
}

TEST_F(ReplicaRuntimeTest, WritesThatArriveTogetherShareTheDisk) {
  StartMembers(1);
  ASSERT_TRUE(member(1).Put("warm", "up").ok);
  constexpr int kRequests = 5000;
  Answers answers;
  for (int i = 0; i < kRequests; ++i) {
    member(1).runtime().Propose(PutCommand("k", std::to_string(i)), [&](const auto&) { answers.Add(); });
  }
  ASSERT_TRUE(answers.Await(kRequests));
  std::uint64_t writes = 0;
  for (std::size_t bucket = 0; bucket < DurationHistogram::kBuckets; ++bucket) {
    writes += member(1).runtime().metrics().log_write.count(bucket);
  }
  EXPECT_LT(writes, kRequests / 5);
  // The counter follows the answers by a turn, and a read comes after that turn.
  ASSERT_TRUE(member(1).Get("k").ok);
  EXPECT_GE(member(1).runtime().metrics().proposals_applied, kRequests);
}

TEST_F(ReplicaRuntimeTest, StoppingAnswersEverybodyAtOnce) {
  StartMembers(3);
  ASSERT_TRUE(member(1).Put("warm", "up").ok);
  member(2).Stop(Leaving::kAtOnce);
  member(3).Stop(Leaving::kAtOnce);
  std::atomic<int> answers{0};
  for (int i = 0; i < 100; ++i) {
    member(1).runtime().Propose(PutCommand("k", "v"), [&](const auto&) { ++answers; });
    member(1).runtime().ReadBarrier([&](const auto&) { ++answers; });
  }
  ReplicaRuntime& runtime = member(1).runtime();
  runtime.Stop({.hand_over = false, .patience = {}});
  EXPECT_EQ(answers, 200);

  runtime.Propose(PutCommand("k", "v"), [&](const auto& result) {
    ++answers;
    EXPECT_EQ(RaftErrorOf(result.status()), RaftError::kStopped);
  });
  runtime.OnPeerMessages(NodeId{2}, {});
  EXPECT_EQ(answers, 201);
}

TEST_F(ReplicaRuntimeTest, AnApplyErrorStopsTheNodeAndTellsItsOwner) {
  StartMembers(1);
  ASSERT_TRUE(member(1).Put("k", "1").ok);
  member(1).machine().FailApplyFrom(member(1).runtime().status().applied);
  EXPECT_EQ(member(1).Put("k", "2").error, RaftError::kStopped);
  member(1).failed().WaitForNotification();
  EXPECT_EQ(member(1).failure().message, "applying: told to fail");
  EXPECT_EQ(member(1).Put("k", "3").error, RaftError::kStopped);
  EXPECT_EQ(member(1).Get("k").error, RaftError::kStopped);
}

// R50: a sync that failed once is not tried again, and nothing that waits for it is acknowledged.
TEST_F(ReplicaRuntimeTest, ALogErrorStopsTheNode) {
  ToyDisk toy_disk;
  toy_disk.state.meta.config.voters = {NodeId{1}};
  ToyMachine machine(toy_disk, nullptr, [](const std::function<void()>& flush) { flush(); });
  SimDisk disk;
  auto opened = SegmentedLog::Open(disk, {.segment_bytes = 1 << 16, .spare_segments = 0});
  ASSERT_TRUE(opened.ok());
  for (std::uint64_t i = 0; i < 100; ++i) {
    disk.FailAt(disk.operations().size() + i, absl::DataLossError("input/output error"));
  }
  ReplicaOptions options;
  options.core.self = NodeId{1};
  options.origin = 1;
  absl::Notification failed;
  // Before the log is handed over: arguments of one call are evaluated in any order.
  auto restored = Reconcile(std::move(opened->contents), machine.recovered(), *opened->log);
  ASSERT_TRUE(restored.ok()) << restored.status();
  ReplicaRuntime runtime(
      options, *std::move(restored), std::move(opened->log), machine,
      [](const Membership&) { return std::vector<PeerPort::Peer>(); },
      [&](const absl::Status&) { failed.Notify(); });
  Switchboard board;
  InProcessPeers peers(NodeId{1}, board);
  runtime.Start(peers);
  failed.WaitForNotification();
  absl::Notification answered;
  runtime.Propose(PutCommand("k", "v"), [&](const auto& result) {
    EXPECT_EQ(RaftErrorOf(result.status()), RaftError::kStopped);
    answered.Notify();
  });
  answered.WaitForNotification();
  runtime.Stop({.hand_over = true, .patience = kPatience});
}

TEST_F(ReplicaRuntimeTest, AFollowerThatWasAwayTooLongGetsASnapshot) {
  StartMembers(3);
  ASSERT_TRUE(member(1).Put("k", "0").ok);
  Member& away = member(Leader()->id() == NodeId{1} ? 2 : 1);
  away.Stop(Leaving::kAtOnce);
  Member& other = *members_.back();
  Answers answers;
  for (int i = 1; i <= 1000; ++i) {
    other.runtime().Propose(PutCommand("k", std::to_string(i)), [&](const auto&) { answers.Add(); });
  }
  ASSERT_TRUE(answers.Await(1000));
  // Its log was let go before the follower comes back.
  Member* leader = nullptr;
  for (const auto& member : members_) {
    if (member.get() != &away && member->runtime().status().is_leader()) leader = member.get();
  }
  ASSERT_NE(leader, nullptr);
  ASSERT_TRUE(leader->AwaitFlushBeyond(Index{900}));
  away.Start();
  // A read waits until what the leader has committed is applied here, by whatever way it comes.
  EXPECT_EQ(away.Get("k").value, leader->machine().Read("k").value);
  EXPECT_EQ(away.runtime().metrics().snapshots_installed, 1U);
  EXPECT_EQ(away.machine().Read("k").version, leader->machine().Read("k").version);
}

}  // namespace
}  // namespace cairn::raft
