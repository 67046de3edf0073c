#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "raft/base/rng.h"
#include "raft/replica/replica.h"
#include "tests/raft/replica/one_replica.h"

// What a peer can do to a replica by what it says. The core has the same for its own messages
// (tests/raft/core/core_test.cc); here are the messages between replicas as well, and the clients that wait.
namespace cairn::raft {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

constexpr NodeId kSelf = OneReplica::kSelf;
constexpr NodeId kPeer = OneReplica::kPeer;
constexpr NodeId kOther = OneReplica::kOther;

SnapshotMeta MetaAt(Term term, Index index) {
  return {.last = {.term = term, .index = index},
          .config = {.voters = {kSelf, kPeer, kOther}, .outgoing = {}, .learners = {}, .learners_next = {}},
          .time = {}};
}

// An install comes with the bytes, by another door.
TEST(Replica, ASnapshotThatIsOnlyAMessageIsDroppedAndCounted) {
  OneReplica node;
  node.Follow(Term{1});
  node.DeliverInTerm(kPeer, Term{1}, InstallSnapshot{.meta = MetaAt(Term{1}, Index{50})});
  EXPECT_EQ(node.metrics.peer_messages_dropped, 1U);
  EXPECT_THAT(node.apply.installs, IsEmpty());
  // And it still serves.
  node.Follow(Term{1}, {CommandEntry(Term{1}, Index{1})}, Index{1});
  EXPECT_EQ(node.replica.Describe().applied, Index{1});
}

// The leader may write anything into an entry, also our name and a number of ours.
TEST(Replica, AnEntryThatClaimsToBeOursAndWasNotSentSoIsCountedAndAnsweredUnknown) {
  OneReplica node;
  const auto queued = node.Propose("a");  // Waits for a leader.
  const ProposalId ours{.origin = node.options.origin, .sequence = 1};
  const ProposalId not_yet{.origin = node.options.origin, .sequence = 77};
  node.replica.OnPeerMessages(
      kPeer, {Message{.term = Term{1},
                      .body = AppendRequest{.previous = {},
                                            .entries = {CommandEntry(Term{1}, Index{1}, not_yet),
                                                        CommandEntry(Term{1}, Index{2}, ours)},
                                            .commit = {},
                                            .time = {}}}});
  node.Turn();  // Hears of the leader, and forwards.
  ASSERT_THAT(node.Sent<ForwardedProposals>(kPeer), SizeIs(1));
  node.Deliver(kPeer, ForwardRefused{.term = Term{1}, .proposals = {ours}, .overloaded = false});
  node.DeliverInTerm(kPeer, Term{1}, HeartbeatRequest{.commit = Index{2}, .round = {}, .time = {}});

  EXPECT_EQ(queued->calls, 1);
  EXPECT_EQ(queued->error(), RaftError::kUnknown);
  EXPECT_EQ(node.metrics.commits_contradicting, 1U);
  node.Tick(9);
  EXPECT_THAT(node.Sent<ForwardedProposals>(kPeer), SizeIs(1));  // And not sent again.
}

// A node, and a peer that makes up everything it says; numbers are small, so that they often mean something.
class HostileRun {
 public:
  explicit HostileRun(std::uint64_t seed) : rng_(seed) {}

  void Step() {
    const NodeId from{rng_.Below(5)};
    switch (rng_.Below(16)) {
      case 0:
        return node_.Tick(rng_.Chance(1, 10) ? 30 : 1);
      case 1:
        return node_.Persist();
      case 2:
        return node_.Apply();
      case 3:
        outcomes_.push_back(node_.Propose("a"));
        return node_.Turn();
      case 4:
        outcomes_.push_back(node_.Read());
        return node_.Turn();
      case 5:
        outcomes_.push_back(node_.Transfer(NodeId{rng_.Below(5)}));
        return node_.Turn();
      case 6:
        node_.replica.OnPeerUnreachable(from);
        node_.replica.OnStreamBroken(from);
        return node_.Turn();
      case 7:
        node_.replica.OnSnapshotReceived(
            from, SomeTerm(), std::make_unique<TestSink>(MetaAt(SomeTerm(), Index{rng_.Between(1, 12)})));
        node_.Turn();
        return FinishInstalls();
      case 8:
        return node_.Deliver(from, ForwardRefused{.term = SomeTerm(),
                                                  .proposals = {SomeProposal(), SomeProposal()},
                                                  .overloaded = rng_.Chance(1, 2)});
      case 9:
        return node_.Deliver(from,
                             ForwardedProposals{.term = SomeTerm(),
                                                .proposals = {{SomeProposal(), Payload::FromString("f")},
                                                              {SomeProposal(), Payload::FromString("g")}}});
      default:
        return node_.Deliver(from, Message{.term = SomeTerm(), .body = SomeBody()});
    }
  }

  // Whoever asked was answered, once.
  void Finish() {
    node_.Apply();
    node_.replica.Abandon();
    for (const auto& outcome : outcomes_) EXPECT_EQ(outcome->calls, 1) << outcome->status;
  }

 private:
  Term SomeTerm() { return Term{node_.term().value() + rng_.Below(4) - rng_.Below(2)}; }
  Index SomeIndex() { return rng_.Chance(1, 20) ? Index{rng_.Next()} : Index{rng_.Below(12)}; }
  EntryId SomeId() { return {.term = SomeTerm(), .index = SomeIndex()}; }
  ProposalId SomeProposal() {
    return {.origin = rng_.Chance(1, 2) ? node_.options.origin : rng_.Below(3), .sequence = rng_.Below(12)};
  }

  decltype(Message::body) SomeBody() {
    switch (rng_.Below(10)) {
      case 0:
        return VoteRequest{rng_.Chance(1, 2), SomeId(), rng_.Chance(1, 4), rng_.Chance(1, 4)};
      case 1:
        return VoteReply{rng_.Chance(1, 2), rng_.Chance(1, 2)};
      case 2:
        return AppendReply{rng_.Chance(2, 3), SomeIndex(), SomeIndex(), SomeId()};
      case 3:
        return HeartbeatRequest{SomeIndex(), ReadRound{rng_.Below(5)}, ClusterTime{rng_.Below(100)}};
      case 4:
        return HeartbeatReply{ReadRound{rng_.Below(5)}};
      case 5:
        return ReadIndexRequest{ReadToken{rng_.Below(5)}};
      case 6:
        return ReadIndexReply{ReadToken{rng_.Below(5)}, rng_.Chance(1, 2), SomeIndex()};
      case 7:
        return InstallSnapshot{MetaAt(SomeTerm(), SomeIndex())};
      case 8:
        return TimeoutNow{};
      default:
        return SomeAppend();
    }
  }

  AppendRequest SomeAppend() {
    const CoreStatus status = node_.replica.core().status();
    AppendRequest append{.previous = rng_.Chance(2, 3) ? status.last : SomeId(),
                         .entries = {},
                         .commit = SomeIndex(),
                         .time = status.time};
    EntryId next{.term = node_.term(), .index = Next(append.previous.index)};
    for (std::uint64_t i = 0; i < rng_.Below(4); ++i) {
      append.entries.push_back(CommandEntry(next.term, next.index, SomeProposal()));
      append.entries.back().time = append.time;
      if (rng_.Chance(1, 10)) append.entries.back().kind = static_cast<EntryKind>(rng_.Below(3));
      next.index = Next(next.index);
    }
    return append;
  }

  void FinishInstalls() {
    for (; installed_ < node_.apply.installs.size(); ++installed_) {
      node_.Apply();  // In order.
      node_.replica.OnInstalled(node_.apply.installs[installed_]->meta());
      node_.Turn();
      node_.Persist();
    }
  }

  Rng rng_;
  OneReplica node_;
  std::vector<std::shared_ptr<Outcome>> outcomes_;
  std::size_t installed_ = 0;
};

TEST(Replica, NothingThatAPeerSaysIsAssertedAndEveryClientIsAnsweredOnce) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    HostileRun run(seed);
    for (int step = 0; step < 400; ++step) run.Step();
    run.Finish();
  }
}

}  // namespace
}  // namespace cairn::raft
