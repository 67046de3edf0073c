#pragma once

#include <cstdint>
#include <string_view>

namespace cairn {

// XXH3-64 of the bytes. The seed chains several ranges: Checksum(b, Checksum(a)).
std::uint64_t Checksum(std::string_view bytes, std::uint64_t seed = 0);

}  // namespace cairn
