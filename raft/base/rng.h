#pragma once

#include <cstdint>

#include "raft/base/assert.h"

namespace cairn {

// A small seeded generator (SplitMix64): the same seed gives the same numbers with every compiler and
// library, which std::uniform_int_distribution does not promise.
class Rng {
 public:
  explicit Rng(std::uint64_t seed) : state_(seed) {}

  std::uint64_t Next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  // Evenly from [0, bound). The bias of the multiplication is below 2^-32 for the small bounds used here.
  std::uint64_t Below(std::uint64_t bound) {
    CAIRN_ASSERT(bound > 0, "an empty range has no member");
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>((Wide{Next()} * bound) >> 64);
  }

  // Evenly from [low, high].
  std::uint64_t Between(std::uint64_t low, std::uint64_t high) { return low + Below(high - low + 1); }

  // True about `numerator` times in `denominator`.
  bool Chance(std::uint64_t numerator, std::uint64_t denominator) { return Below(denominator) < numerator; }

 private:
  std::uint64_t state_;
};

}  // namespace cairn
