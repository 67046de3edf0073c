#pragma once

#include <string>
#include <string_view>

#include "raft/transport/framing.h"

namespace cairn::fuzz {

// The frame that an input stands for (see peer_messages.cc). Any bytes may come.
std::string FrameFromInput(raft::FrameMagic magic, std::string_view input);

// The input with flag 1 that stands for `frame`, as far as its header fits into two bytes of length.
std::string InputFromFrame(std::string_view frame);

}  // namespace cairn::fuzz
