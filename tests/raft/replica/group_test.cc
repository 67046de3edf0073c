#include "raft/replica/group.h"

#include <gtest/gtest.h>

namespace cairn::raft {
namespace {

TEST(RaftErrorTest, TravelsInAStatus) {
  const absl::Status status = MakeRaftError(RaftError::kLost, "gone");
  EXPECT_EQ(RaftErrorOf(status), RaftError::kLost);
  EXPECT_EQ(status.message(), "gone");
  EXPECT_FALSE(RaftErrorOf(absl::UnavailableError("no leader")).has_value());
  EXPECT_FALSE(RaftErrorOf(absl::OkStatus()).has_value());
}

}  // namespace
}  // namespace cairn::raft
