#pragma once

#include <cstdint>

// Rules that a test build can break, one at a time, to see that some test misses each of them
// (tests/raft/transport/README.md). In every other build Broken() is false at compile time and costs nothing.
namespace cairn::raft {

enum class TransportRule : std::uint8_t {
  kPayloadChecksum,      // A payload is compared with its checksum.
  kHeaderChecksum,       // So is a header.
  kSameCluster,          // Members of other clusters are refused.
  kSameIncarnation,      // A member that lost its data is refused.
  kConfirmBeforeAgreed,  // The accepting side waits for the other side's opinion.
  kQueueBound,           // What waits for a peer is bounded.
  kReplaceWithinTerm,    // Only a message of the same term makes an older one pointless.
  kTellOfBreak,          // A break is followed by OnPeerUnreachable().
  kAskBeforeBroken,      // OnStreamBroken() only for a peer that refuses connections.
  kRefuseForwards,       // Forwards that never left come back.
  kChunkInPlace,         // A chunk has to go on where the sink stands.
  kResume,               // A transfer goes on where the receiver stands.
  kEnd,
};

#ifdef CAIRN_SABOTAGE
inline TransportRule sabotaged_transport_rule = TransportRule::kEnd;  // Set before the first thread starts.
inline bool Broken(TransportRule rule) { return rule == sabotaged_transport_rule; }
#else
constexpr bool Broken(TransportRule /*rule*/) { return false; }
#endif

}  // namespace cairn::raft
