#include "tests/fuzz/wrapped_frame.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "tests/raft/transport/random_frame.h"

namespace cairn::fuzz {

std::string FrameFromInput(raft::FrameMagic magic, std::string_view input) {
  if (input.empty()) return {};
  const bool wrap = (input[0] & 1) != 0;
  input.remove_prefix(1);
  if (!wrap || input.size() < 2) return std::string(input);
  std::uint16_t length = 0;
  std::memcpy(&length, input.data(), sizeof length);
  input.remove_prefix(sizeof length);
  const std::size_t header_bytes = std::min<std::size_t>(length, input.size());
  return raft::testing::WrapHeader(magic, input.substr(0, header_bytes), input.substr(header_bytes));
}

std::string InputFromFrame(std::string_view frame) {
  std::uint32_t header_bytes = 0;
  std::memcpy(&header_bytes, frame.data() + 4, sizeof header_bytes);
  const auto length = static_cast<std::uint16_t>(header_bytes);
  std::string input(1 + sizeof length, '\1');
  std::memcpy(input.data() + 1, &length, sizeof length);
  return input.append(frame.substr(raft::kFramePrefixBytes));
}

}  // namespace cairn::fuzz
