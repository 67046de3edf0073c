#include "raft/base/status.h"

#include <gtest/gtest.h>

namespace cairn {
namespace {

TEST(Status, CorruptionNamesFileAndOffsetAndSurvivesAnnotation) {
  const absl::Status status =
      Annotate(Corruption("00000001.log", 4096, "checksum mismatch"), "recovering the log");
  EXPECT_TRUE(IsCorruption(status));
  EXPECT_EQ(status.message(), "recovering the log: 00000001.log: damaged at offset 4096: checksum mismatch");
  EXPECT_FALSE(IsCorruption(absl::DataLossError("other")));
}

}  // namespace
}  // namespace cairn
