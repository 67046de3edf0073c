#include <gtest/gtest.h>

#include <string>

#include "kv/store/store_home.h"

namespace cairn::kv {
namespace {

TEST(ImageManifest, SurvivesARoundTrip) {
  const ImageManifest manifest{.origin = "o", .position = "p", .files = {{"a.sst", 5}, {"MANIFEST-1", 0}}};
  const auto decoded = ImageManifest::Decode(manifest.Encode());
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded->Encode(), manifest.Encode());
}

TEST(ImageManifest, RefusesNamesThatLeadOutOfTheDirectoryAndNonsense) {
  const std::string head = "cairn store image 1\no\np\n";
  for (const char* line : {"5 ../x", "5 /x", "5 .", "5 ", "x a", "a", "5 a\n5 a", "-1 a", "5 a\1", " a",
                           "18446744073709551616 a"}) {
    EXPECT_FALSE(ImageManifest::Decode(head + line + "\n").ok()) << line;
  }
  EXPECT_FALSE(ImageManifest::Decode(head).ok());
  EXPECT_FALSE(ImageManifest::Decode("").ok());
  EXPECT_FALSE(ImageManifest::Decode("cairn store image 2\no\np\n5 a\n").ok());
}

}  // namespace
}  // namespace cairn::kv
