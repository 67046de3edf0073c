#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "raft/base/types.h"
#include "raft/replica/ports.h"

namespace cairn::raft {

// What a member says of itself before anything else.
struct Hello {
  static constexpr std::uint32_t kProtocol = 1;

  std::uint32_t protocol = kProtocol;
  ClusterId cluster;
  NodeId member;
  NodeId receiver;  // Whom the sender believes it is talking to.
  Incarnation incarnation;

  friend bool operator==(const Hello&, const Hello&) = default;
};

// One gRPC message of the Exchange stream. Everything in it is optional.
struct Frame {
  std::optional<Hello> hello;
  std::string refused;  // Not empty: why the sender will not talk to the receiver, its last word.
  std::vector<PeerMessage> messages;

  // Microseconds on the clock of whoever sent the ping.
  std::optional<std::uint64_t> ping;
  struct Pong {
    std::uint64_t ping = 0;  // As received.
    std::uint64_t kept = 0;  // Microseconds between receiving and returning it.
    friend bool operator==(const Pong&, const Pong&) = default;
  };
  std::optional<Pong> pong;
};

}  // namespace cairn::raft
