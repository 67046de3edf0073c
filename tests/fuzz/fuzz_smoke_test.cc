// Each fuzz target over its seeds and ten thousand seeded mutations of them, so that every build and
// sanitizer runs what clang's libFuzzer runs for longer.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "raft/base/rng.h"
#include "tests/fuzz/target.h"

namespace cairn::fuzz {
namespace {

void MutateOnce(std::string& bytes, Rng& rng, const std::vector<std::string>& seeds) {
  const auto place = [&] { return static_cast<std::size_t>(rng.Below(bytes.size() + 1)); };
  const auto byte = [&] { return static_cast<char>(rng.Next()); };
  const std::size_t at = place();
  switch (rng.Below(6)) {
    case 0:
      if (at < bytes.size()) bytes[at] = static_cast<char>(bytes[at] ^ (1 << rng.Below(8)));
      break;
    case 1:
      if (at < bytes.size()) bytes[at] = byte();
      break;
    case 2:
      bytes.insert(at, rng.Below(9), byte());
      break;
    case 3:
      bytes.erase(at, rng.Below(9));
      break;
    case 4:
      bytes.resize(at);
      break;
    default: {  // A piece of another seed.
      const std::string& other = seeds[rng.Below(seeds.size())];
      const std::size_t from = static_cast<std::size_t>(rng.Below(other.size() + 1));
      bytes.replace(at, rng.Below(33), other.substr(from, rng.Below(65)));
      break;
    }
  }
}

class FuzzSmoke : public ::testing::TestWithParam<const Target*> {};

TEST_P(FuzzSmoke, SurvivesSeedsAndMutations) {
  const Target& target = *GetParam();
  const std::vector<std::string> seeds = target.seeds();
  ASSERT_FALSE(seeds.empty());
  target.run("");
  std::size_t accepted_seeds = 0;
  for (const std::string& seed : seeds) accepted_seeds += target.run(seed) ? 1 : 0;
  EXPECT_GE(accepted_seeds * 4, seeds.size() * 3) << "the seeds are not what the parser reads";
  int accepted = 0;
  Rng rng(20);
  for (int i = 0; i < 10'000; ++i) {
    std::string bytes = seeds[rng.Below(seeds.size())];
    for (std::uint64_t count = rng.Between(1, 6); count > 0; --count) MutateOnce(bytes, rng, seeds);
    accepted += target.run(bytes) ? 1 : 0;
  }
  // Or the mutations never get behind a checksum.
  EXPECT_GT(accepted, 100);
  EXPECT_LT(accepted, 9900);
  RecordProperty("accepted", accepted);
}

INSTANTIATE_TEST_SUITE_P(Targets, FuzzSmoke,
                         ::testing::Values(&kLogRecords, &kPeerMessages, &kSnapshotChunks, &kFirstBytes,
                                           &kStoredBytes),
                         [](const auto& info) { return info.param->name; });

}  // namespace
}  // namespace cairn::fuzz
