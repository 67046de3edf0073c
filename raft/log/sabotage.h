#pragma once

namespace cairn::raft {

// Safety rules that a build may break on purpose, to show that the tests would notice
// (tests/raft/log/sabotage_test.cc). In every other build Broken() is false at compile time and costs
// nothing.
enum class LogRule {
  kSyncBeforeAnswer,        // A batch is acknowledged after its sync.
  kSyncHeaderBeforeRename,  // A segment with a name has a durable header.
  kSyncNameBeforeUse,       // A batch is written into a segment whose name is durable.
  kSyncRelease,             // A recycled file is not overwritten before its new name is durable.
  kSyncFoundNames,          // What a recovery builds on is durable: names...
  kSyncFoundTail,           // ...and the last segment,
  kWriteFoundTailAgain,     // whose last batch a failed sync may have left in the cache alone.
  kClearCutTail,            // Nothing of a batch that was cut stays.
  kZeroesBehindBatch,       // The end of a recycled segment is told from its old content.
  kCheckGeneration,         // Frames of an earlier life of the file do not count.
  kCheckChain,              // The records of a batch are those that its header was made for.
  kCheckPayload,            // Payloads are compared with their checksums.
  kSearchForProof,          // A later batch behind the damage proves that it is rot.
  kWriteMark,               // The last batch is marked as synced when there is time.
  kObeyReset,               // What is older than the last reset is void.
  kStayFailed,              // After an error there is no second try.
  kEnd,
};

#ifdef CAIRN_SABOTAGE
inline LogRule sabotaged_log_rule = LogRule::kEnd;  // One at a time; a test's single thread sets it.
inline bool Broken(LogRule rule) { return rule == sabotaged_log_rule; }
#else
constexpr bool Broken(LogRule) { return false; }
#endif

}  // namespace cairn::raft
