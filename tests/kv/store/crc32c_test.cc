#include "kv/store/crc32c.h"

#include <gtest/gtest.h>

#include <string>

namespace cairn::kv {
namespace {

TEST(Crc32c, GivesThePublishedValueAndContinues) {
  EXPECT_EQ(ExtendCrc32c(0, "123456789"), 0xe3069283U);
  EXPECT_EQ(ExtendCrc32c(0, std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(ExtendCrc32c(ExtendCrc32c(0, "1234567890abc"), "defgh"), ExtendCrc32c(0, "1234567890abcdefgh"));
}

}  // namespace
}  // namespace cairn::kv
