#include "kv/apply/state_machine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/kv/apply/member_under_test.h"

namespace cairn::kv::test {
namespace {

TEST(StateMachine, TheAnswersOfASpanLeaveBeforeTheyAreTooManyBytes) {
  constexpr int kTxns = 100;
  constexpr std::int64_t kAnswerBytes = 1 << 20;
  MemoryHome home;
  DatabaseOptions options = SmallOptions();
  options.answer_bytes = 2 * kAnswerBytes;
  MemberUnderTest member(home, options);
  member.Put("large", std::string(kAnswerBytes, 'l'));
  etcdserverpb::TxnRequest txn;
  txn.add_success()->mutable_request_put()->set_key("small");
  txn.add_success()->mutable_request_range()->set_key("large");

  std::vector<raft::ApplyItem> items(kTxns);
  std::int64_t answered = 0;
  std::int64_t waiting_max = 0;
  const Revision before = member.reader().current_revision();
  raft::Entry entry =
      member.NextEntry(raft::EntryKind::kCommand, EncodeCommand(CommandKind::kTxn, txn.SerializeAsString()));
  for (raft::ApplyItem& item : items) {
    item.entry = entry;
    item.done = [&](absl::StatusOr<std::unique_ptr<raft::ApplyResult>> got) {
      ASSERT_TRUE(got.ok());
      const auto& result = static_cast<const KvResult&>(**got);
      EXPECT_TRUE(result.status.ok()) << result.status;
      // Every transaction makes a revision, so what is visible and not answered is what waits.
      const std::int64_t applied = member.reader().current_revision().value() - before.value();
      waiting_max = std::max(waiting_max, applied - answered);
      ++answered;
    };
    entry.id.index = Next(entry.id.index);
  }
  ASSERT_TRUE(member.machine().Apply(items).ok());
  EXPECT_EQ(answered, kTxns);
  EXPECT_LE(waiting_max, 17);
  EXPECT_GE(waiting_max, 8) << "a batch is worth its write";
}

}  // namespace
}  // namespace cairn::kv::test
