#include "raft/transport/sabotage.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/raft/transport/child_process.h"

// Each rule is broken in turn, and the test that is there for it has to fail; unbroken, it has to pass.
namespace cairn::raft {
namespace {

struct Sabotage {
  TransportRule rule;
  const char* name;
  const char* missed_by;
};

class TransportSabotage : public ::testing::TestWithParam<Sabotage> {};

int ExitCodeWith(TransportRule rule, const char* test) {
  testing::ChildProcess child("raft_transport_sabotaged", {std::string("--gtest_filter=") + test,
                                                           std::to_string(static_cast<int>(rule))});
  for (std::string line = child.ReadLine(); !line.empty() || child.more(); line = child.ReadLine()) {
  }
  return child.Wait();
}

TEST_P(TransportSabotage, IsNoticed) {
  EXPECT_EQ(ExitCodeWith(TransportRule::kEnd, GetParam().missed_by), 0);
  EXPECT_NE(ExitCodeWith(GetParam().rule, GetParam().missed_by), 0);
}

constexpr Sabotage kSabotages[] = {
    {TransportRule::kPayloadChecksum, "PayloadChecksum", "Codec.EveryFlippedBitIsFound"},
    {TransportRule::kHeaderChecksum, "HeaderChecksum", "Codec.EveryFlippedBitIsFound"},
    {TransportRule::kSameCluster, "SameCluster", "Greeting.EachReasonToRefuseHasItsSentence"},
    {TransportRule::kSameIncarnation, "SameIncarnation", "Greeting.EachReasonToRefuseHasItsSentence"},
    {TransportRule::kConfirmBeforeAgreed, "ConfirmBeforeAgreed", "Refusal.ACalledMemberThatLostItsData"},
    {TransportRule::kQueueBound, "QueueBound", "Outbox.IsBoundedInBytesAndLeavesWhatDoesNotFitAlone"},
    {TransportRule::kReplaceWithinTerm, "ReplaceWithinTerm",
     "Outbox.AnAcknowledgementIncludesTheSmallerOneOfItsTerm"},
    {TransportRule::kTellOfBreak, "TellOfBreak", "Damage.OnAnAgreedStreamBreaksItAndDeliversNothing"},
    {TransportRule::kAskBeforeBroken, "AskBeforeBroken", "BrokenStream.APeerThatStillListensIsNotReported"},
    {TransportRule::kRefuseForwards, "RefuseForwards", "Transport.ForwardsThatCannotLeaveComeBackAsRefused"},
    {TransportRule::kChunkInPlace, "ChunkInPlace", "RawSnapshot.AChunkOutOfPlaceIsRefused"},
    {TransportRule::kResume, "Resume", "Snapshot.GoesOnWhereItStoodAfterABreakAtEveryChunk"},
};

INSTANTIATE_TEST_SUITE_P(Rule, TransportSabotage, ::testing::ValuesIn(kSabotages),
                         [](const auto& info) { return info.param.name; });

TEST(TransportSabotageList, NamesEveryRule) {
  std::set<TransportRule> named;
  for (const Sabotage& sabotage : kSabotages) named.insert(sabotage.rule);
  EXPECT_EQ(named.size(), static_cast<std::size_t>(TransportRule::kEnd));
}

}  // namespace
}  // namespace cairn::raft
