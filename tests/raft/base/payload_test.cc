#include "raft/base/payload.h"

#include <gtest/gtest.h>

#include "raft/base/checksum.h"

namespace cairn {
namespace {

TEST(Payload, EmptyPayloadCarriesTheChecksumOfNothing) {
  EXPECT_EQ(Payload().checksum(), Checksum(""));
  EXPECT_TRUE(Payload().Verify());
}

TEST(Payload, CopiesShareTheBytes) {
  const Payload original = Payload::FromString("value");
  // NOLINTNEXTLINE(performance-unnecessary-copy-initialization): the copy is the point.
  const Payload copy = original;
  EXPECT_EQ(copy.bytes().data(), original.bytes().data());
  EXPECT_EQ(copy, original);
}

TEST(Payload, VerifyFindsAFlippedBit) {
  const Payload good = Payload::FromString("value");
  const Payload bad = Payload::FromParts(nullptr, "valuf", good.checksum());
  EXPECT_TRUE(good.Verify());
  EXPECT_FALSE(bad.Verify());
}

}  // namespace
}  // namespace cairn
