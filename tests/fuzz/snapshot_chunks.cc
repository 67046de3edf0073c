// Parts of a snapshot's stream from arbitrary bytes, in the form of peer_messages.cc. A chunk that is read
// holds what its checksum says, and every part can be written and read again.
#include <cstdint>

#include "raft/base/assert.h"
#include "raft/base/rng.h"
#include "raft/base/status.h"
#include "raft/transport/snapshot_codec.h"
#include "tests/fuzz/target.h"
#include "tests/fuzz/wrapped_frame.h"
#include "tests/raft/transport/random_frame.h"

namespace cairn::fuzz {
namespace {

bool Run(std::string_view input) {
  const std::string bytes = FrameFromInput(raft::FrameMagic::kSnapshot, input);
  const absl::StatusOr<raft::SnapshotPart> part = raft::DecodeSnapshotPart(nullptr, bytes);
  if (!part.ok()) return false;
  if (const auto* chunk = std::get_if<raft::SnapshotChunk>(&*part)) {
    CAIRN_ASSERT(chunk->bytes.Verify(), "size={}", chunk->bytes.size());
  }
  const std::string again = raft::testing::Flatten(raft::EncodeSnapshotPart(*part));
  const absl::StatusOr<raft::SnapshotPart> reread = raft::DecodeSnapshotPart(nullptr, again);
  CAIRN_ASSERT(reread.ok(), "{}", MessageOf(reread.status()));
  CAIRN_ASSERT(reread->index() == part->index(), "{} became {}", part->index(), reread->index());
  return true;
}

std::vector<std::string> Seeds() {
  Rng rng(1);
  raft::SnapshotBegin begin;
  begin.meta.last = {raft::Term{3}, raft::Index{17}};
  begin.meta.config.voters = {raft::NodeId{1}, raft::NodeId{2}};
  begin.manifest = "manifest";
  const std::vector<raft::SnapshotPart> parts = {
      begin, raft::SnapshotResume{{2, 4096}},
      raft::SnapshotChunk{{1, 65536}, raft::testing::RandomPayload(rng, 100)}, raft::SnapshotEnd{},
      raft::SnapshotReceived{}};
  std::vector<std::string> seeds;
  for (const raft::SnapshotPart& part : parts) {
    const std::string bytes = raft::testing::Flatten(raft::EncodeSnapshotPart(part));
    seeds.push_back('\0' + bytes);
    seeds.push_back(InputFromFrame(bytes));
  }
  return seeds;
}

}  // namespace

extern const Target kSnapshotChunks = {"snapshot_chunks", Run, Seeds};

}  // namespace cairn::fuzz
