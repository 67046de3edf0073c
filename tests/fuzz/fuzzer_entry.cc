// libFuzzer's side of a target. CAIRN_FUZZ_TARGET names it.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/target.h"

namespace {

const cairn::fuzz::Target& Chosen() { return cairn::fuzz::CAIRN_FUZZ_TARGET; }

}  // namespace

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Chosen().run({reinterpret_cast<const char*>(data), size});
  return 0;
}

// Begins with a seed now and then: the corpus directory is empty on a fresh machine, and no chain of
// mutations finds a checksum.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned random) {
  static const std::vector<std::string> seeds = Chosen().seeds();
  if (size <= 1 || random % 64 == 0) {
    const std::string& seed = seeds[random / 64 % seeds.size()];
    if (seed.size() <= max_size) {
      std::copy(seed.begin(), seed.end(), data);
      size = seed.size();
    }
  }
  return LLVMFuzzerMutate(data, size, max_size);
}
