#pragma once

#include <cstdint>
#include <string_view>

namespace cairn::kv {

// CRC-32C (Castagnoli) of the bytes, continued from `crc`; 0 to begin with.
std::uint32_t ExtendCrc32c(std::uint32_t crc, std::string_view bytes);

}  // namespace cairn::kv
