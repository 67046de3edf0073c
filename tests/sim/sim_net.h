#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <utility>

#include "raft/base/rng.h"
#include "raft/base/types.h"
#include "raft/replica/ports.h"
#include "tests/sim/sim_clock.h"

namespace cairn::sim {

// A network that loses, delays, doubles and cuts. Delays are drawn anew for each message, so messages
// overtake one another, which real streams do not do: the core must not mind. Proposals that are forwarded
// are never doubled: the transport promises to send them at most once.
class SimNet {
 public:
  struct Weather {
    std::uint64_t lost_per_mille = 0;
    std::uint64_t doubled_per_mille = 0;
    SimClock::Micros delay_min = 200;
    SimClock::Micros delay_max = 1000;
  };
  using Deliver = std::function<void(raft::NodeId from, raft::NodeId to, raft::PeerMessage)>;

  SimNet(SimClock& clock, Rng& rng, Deliver deliver)
      : clock_(clock), rng_(rng), deliver_(std::move(deliver)) {}

  void SetWeather(const Weather& weather) { weather_ = weather; }
  // One direction.
  void Cut(raft::NodeId from, raft::NodeId to) { cuts_.emplace(from, to); }
  void CutBoth(raft::NodeId a, raft::NodeId b) {
    Cut(a, b);
    Cut(b, a);
  }
  void Heal() { cuts_.clear(); }
  [[nodiscard]] bool Connected(raft::NodeId from, raft::NodeId to) const {
    return !cuts_.contains({from, to});
  }

  void Send(raft::NodeId from, raft::NodeId to, raft::PeerMessage message);

 private:
  void Plan(raft::NodeId from, raft::NodeId to, raft::PeerMessage message);

  SimClock& clock_;
  Rng& rng_;
  Deliver deliver_;
  Weather weather_;
  std::set<std::pair<raft::NodeId, raft::NodeId>> cuts_;
};

}  // namespace cairn::sim
