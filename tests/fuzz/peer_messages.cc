// Frames of the peers' stream from arbitrary bytes. What is read can be written, and reads the same again.
//
// Input: a byte of flags; with flag 1, two bytes with the length of a protobuf header, which is put into a
// frame with the right checksum together with the rest as payload bytes; without it, the frame as received.
#include <cstdint>

#include "raft/base/assert.h"
#include "raft/base/rng.h"
#include "raft/base/status.h"
#include "raft/transport/codec.h"
#include "tests/fuzz/target.h"
#include "tests/fuzz/wrapped_frame.h"
#include "tests/raft/transport/random_frame.h"

namespace cairn::fuzz {
namespace {

bool Run(std::string_view input) {
  const std::string bytes = FrameFromInput(raft::FrameMagic::kExchange, input);
  const absl::StatusOr<raft::Frame> frame = raft::DecodeFrame(nullptr, bytes);
  if (!frame.ok()) return false;
  const std::string again = raft::testing::Flatten(raft::EncodeFrame(*frame));
  const absl::StatusOr<raft::Frame> reread = raft::DecodeFrame(nullptr, again);
  CAIRN_ASSERT(reread.ok(), "{}", MessageOf(reread.status()));
  CAIRN_ASSERT(raft::testing::Describe(*reread) == raft::testing::Describe(*frame),
               "another frame came back");
  return true;
}

std::vector<std::string> Seeds() {
  Rng rng(1);
  std::vector<std::string> seeds;
  for (int i = 0; i < 16; ++i) {
    const std::string bytes = raft::testing::Flatten(raft::EncodeFrame(raft::testing::RandomFrame(rng)));
    seeds.push_back('\0' + bytes);
    seeds.push_back(InputFromFrame(bytes));
  }
  return seeds;
}

}  // namespace

extern const Target kPeerMessages = {"peer_messages", Run, Seeds};

}  // namespace cairn::fuzz
