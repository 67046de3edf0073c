#include "raft/replica/pending.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace cairn::raft {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::uint64_t kOrigin = 5;
constexpr NodeId kLeader{2};
using RefusedFor = PendingProposals::RefusedFor;

class PendingProposalsTest : public testing::Test {
 protected:
  void Add(std::string bytes, std::uint64_t deadline = 100) {
    pending_.Add(Payload::FromString(std::move(bytes)), [](const auto&) {}, deadline);
  }
  std::vector<RaftError> Errors() {
    std::vector<RaftError> errors;
    for (const auto& answer : pending_.TakeAnswers()) errors.push_back(*RaftErrorOf(answer.status));
    return errors;
  }
  std::vector<std::uint64_t> QueuedSequences() const {
    std::vector<std::uint64_t> sequences;
    for (const Proposal& proposal : pending_.Queued(1 << 20)) sequences.push_back(proposal.id.sequence);
    return sequences;
  }
  static ProposalId Id(std::uint64_t sequence) { return {.origin = kOrigin, .sequence = sequence}; }

  PendingProposals pending_{kOrigin, {.count = 4, .bytes = 100}};
};

TEST_F(PendingProposalsTest, QueuedComeInOrderOfArrivalAndWithinTheBytes) {
  Add("12345");
  Add("67890");
  Add("x");
  EXPECT_THAT(pending_.Queued(10), SizeIs(2));
  EXPECT_THAT(pending_.Queued(1), SizeIs(1));  // One always fits.
  EXPECT_THAT(QueuedSequences(), ElementsAre(1, 2, 3));
}

TEST_F(PendingProposalsTest, RefusedOnesGoBackToTheirPlace) {
  Add("a");
  Add("b");
  Add("c");
  pending_.Sent(2, Term{1}, kLeader);
  EXPECT_EQ(pending_.forwarded_bytes(), 2U);
  pending_.Refused(Id(2), Term{1}, RefusedFor::kNotLeading);
  EXPECT_THAT(QueuedSequences(), ElementsAre(2, 3));
  pending_.Refused(Id(1), Term{1}, RefusedFor::kNotLeading);
  EXPECT_THAT(QueuedSequences(), ElementsAre(1, 2, 3));
  EXPECT_EQ(pending_.forwarded_bytes(), 0U);
}

TEST_F(PendingProposalsTest, ARefusalOfWhatWasNotForwardedMeansNothing) {
  Add("a");
  pending_.Refused(Id(1), Term{1}, RefusedFor::kNotLeading);  // Never sent.
  pending_.Sent(1, Term{1}, std::nullopt);                    // Our own log has it.
  pending_.Refused(Id(1), Term{1}, RefusedFor::kNotLeading);
  pending_.Refused(Id(9), Term{1}, RefusedFor::kLoad);
  pending_.Refused({.origin = 6, .sequence = 1}, Term{1}, RefusedFor::kLoad);
  EXPECT_THAT(QueuedSequences(), IsEmpty());
  EXPECT_THAT(Errors(), IsEmpty());
}

TEST_F(PendingProposalsTest, ALaterCommittedTermLosesEarlierOnesAndSparesTheRest) {
  Add("old");
  pending_.Sent(1, Term{1}, kLeader);
  Add("new");
  pending_.Sent(1, Term{3}, kLeader);
  Add("queued");
  EXPECT_FALSE(pending_.Committed({.term = Term{1}, .index = Index{1}}, {}));
  EXPECT_THAT(Errors(), IsEmpty());
  EXPECT_FALSE(pending_.Committed({.term = Term{3}, .index = Index{2}}, {}));
  EXPECT_THAT(Errors(), ElementsAre(RaftError::kLost));
  EXPECT_TRUE(pending_.Committed({.term = Term{3}, .index = Index{3}}, Id(2)));
  EXPECT_EQ(pending_.count(), 1U);
}

TEST_F(PendingProposalsTest, AnEntryOfAnotherLifeAnswersNobody) {
  Add("a");
  pending_.Sent(1, Term{1}, std::nullopt);
  EXPECT_FALSE(
      pending_.Committed({.term = Term{1}, .index = Index{1}}, {.origin = kOrigin + 1, .sequence = 1}));
  EXPECT_EQ(pending_.count(), 1U);
}

TEST_F(PendingProposalsTest, ASnapshotLeavesUnknownWhatItMayHoldAndSparesLaterTerms) {
  Add("a");
  pending_.Sent(1, Term{2}, kLeader);
  Add("b");
  pending_.Sent(1, Term{4}, kLeader);
  pending_.Skipped({.term = Term{3}, .index = Index{10}});
  EXPECT_THAT(Errors(), ElementsAre(RaftError::kUnknown));
  EXPECT_EQ(pending_.count(), 1U);
}

TEST_F(PendingProposalsTest, AQueuedOneThatExpiresDidNotHappenASentOneMay) {
  Add("sent", 10);
  pending_.Sent(1, Term{1}, kLeader);
  Add("queued", 10);
  Add("later", 11);
  pending_.Expire(9);
  EXPECT_THAT(Errors(), IsEmpty());
  pending_.Expire(10);
  EXPECT_THAT(Errors(), ElementsAre(RaftError::kTimeout, RaftError::kNoLeader));
  EXPECT_THAT(QueuedSequences(), ElementsAre(3));
}

TEST_F(PendingProposalsTest, AnOldOneThatIsStuckIsGivenUpAndNobodyElseIsRefused) {
  Add("stuck", 1000);
  pending_.Sent(1, Term{1}, kLeader);
  std::vector<RaftError> errors;
  for (int i = 0; i < 100; ++i) {
    const ProposalId id = pending_.next_id();
    Add("x", 1000);
    for (const RaftError error : Errors()) errors.push_back(error);
    pending_.Sent(1, Term{1}, std::nullopt);
    EXPECT_TRUE(pending_.Committed({.term = Term{1}, .index = Index{1}}, id));
  }
  EXPECT_THAT(errors, ElementsAre(RaftError::kUnknown));
  EXPECT_EQ(pending_.count(), 0U);
}

// An entry is what a leader wrote. None of these comes from a correct one.
TEST_F(PendingProposalsTest, AnEntryThatNamesWhatWasNotSentSoIsAnsweredUnknownAndNotSentAgain) {
  Add("queued");
  Add("sent in term 3");
  EXPECT_FALSE(pending_.Committed({.term = Term{2}, .index = Index{1}}, Id(1)));
  EXPECT_THAT(QueuedSequences(), ElementsAre(2));
  pending_.Sent(1, Term{3}, kLeader);
  EXPECT_FALSE(pending_.Committed({.term = Term{2}, .index = Index{2}}, Id(2)));
  EXPECT_FALSE(pending_.Committed({.term = Term{2}, .index = Index{3}}, Id(99)));  // Not given out yet.
  EXPECT_THAT(Errors(), ElementsAre(RaftError::kUnknown, RaftError::kUnknown));
  EXPECT_EQ(pending_.contradictions(), 2U);
  EXPECT_EQ(pending_.count(), 0U);
  EXPECT_EQ(pending_.forwarded_bytes(), 0U);
}

TEST_F(PendingProposalsTest, OneLargerThanTheWholeBoundPassesAlone) {
  Add(std::string(1000, 'x'));
  EXPECT_THAT(Errors(), IsEmpty());
  Add("y");
  EXPECT_THAT(Errors(), ElementsAre(RaftError::kOverloaded));
}

}  // namespace
}  // namespace cairn::raft
