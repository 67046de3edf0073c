// Breaks the log's rules one by one and expects the searches to notice. A rule whose breaking nobody notices
// is not tested; the table says who notices what.
#include "raft/log/sabotage.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <functional>
#include <string>

#include "tests/raft/log/searches.h"

namespace cairn::raft {
namespace {

struct Sabotage {
  LogRule rule;
  std::string name;
  std::function<std::string()> search;
};

class LogSabotage : public ::testing::TestWithParam<Sabotage> {};

TEST_P(LogSabotage, IsNoticed) {
  ASSERT_EQ(GetParam().search(), "");
  sabotaged_log_rule = GetParam().rule;
  const std::string found = GetParam().search();
  sabotaged_log_rule = LogRule::kEnd;
  EXPECT_NE(found, "");
  RecordProperty("found", found);
  std::printf("%s: %s\n", GetParam().name.c_str(), found.c_str());
}

INSTANTIATE_TEST_SUITE_P(
    Rule, LogSabotage,
    ::testing::Values(
        Sabotage{LogRule::kSyncBeforeAnswer, "SyncBeforeAnswer", CrashAtEveryOperation},
        Sabotage{LogRule::kSyncHeaderBeforeRename, "SyncHeaderBeforeRename", CrashAtEveryOperation},
        Sabotage{LogRule::kSyncNameBeforeUse, "SyncNameBeforeUse", CrashAtEveryOperation},
        Sabotage{LogRule::kSyncRelease, "SyncRelease", CrashAtEveryOperation},
        Sabotage{LogRule::kSyncFoundNames, "SyncFoundNames", CrashInRecoveryToo},
        Sabotage{LogRule::kSyncFoundTail, "SyncFoundTail", CrashInRecoveryToo},
        Sabotage{LogRule::kWriteFoundTailAgain, "WriteFoundTailAgain", FailAtEveryOperation},
        Sabotage{LogRule::kClearCutTail, "ClearCutTail", PagesOfABatchThatWasCut},
        Sabotage{LogRule::kZeroesBehindBatch, "ZeroesBehindBatch", TearAtEveryLength},
        Sabotage{LogRule::kCheckGeneration, "CheckGeneration", OldFramesInARecycledSegment},
        Sabotage{LogRule::kCheckChain, "CheckChain", PagesOfAnotherBatch},
        Sabotage{LogRule::kCheckPayload, "CheckPayload", [] { return FlipEveryBit(false); }},
        Sabotage{LogRule::kSearchForProof, "SearchForProof", [] { return FlipEveryBit(false); }},
        Sabotage{LogRule::kWriteMark, "WriteMark", [] { return FlipEveryBit(true); }},
        Sabotage{LogRule::kObeyReset, "ObeyReset", CrashAtEveryOperation},
        Sabotage{LogRule::kStayFailed, "StayFailed", FailAtEveryOperation}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace cairn::raft
