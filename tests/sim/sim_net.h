#pragma once

#include <cstdint>
#include <functional>
#include <map>
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
  // Whom `self` connects to and admits, by its own membership. Two that do not name each other hear nothing.
  void SetPeers(raft::NodeId self, std::set<raft::NodeId> peers) { peers_[self] = std::move(peers); }
  [[nodiscard]] bool Connected(raft::NodeId from, raft::NodeId to) const {
    return !cuts_.contains({from, to}) && Names(from, to) && Names(to, from);
  }

  void Send(raft::NodeId from, raft::NodeId to, raft::PeerMessage message);

 private:
  void Plan(raft::NodeId from, raft::NodeId to, raft::PeerMessage message);
  [[nodiscard]] bool Names(raft::NodeId self, raft::NodeId peer) const {
    const auto found = peers_.find(self);
    return found != peers_.end() && found->second.contains(peer);
  }

  SimClock& clock_;
  Rng& rng_;
  Deliver deliver_;
  Weather weather_;
  std::set<std::pair<raft::NodeId, raft::NodeId>> cuts_;
  std::map<raft::NodeId, std::set<raft::NodeId>> peers_;
};

}  // namespace cairn::sim
