#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <utility>

namespace cairn::sim {

// Virtual time and everything that is going to happen in it. Events of one moment happen in the order in
// which they were planned, so a run is a function of its seed.
class SimClock {
 public:
  using Micros = std::uint64_t;

  [[nodiscard]] Micros now() const { return now_; }

  void After(Micros delay, std::function<void()> event) {
    events_.emplace(std::pair(now_ + delay, planned_++), std::move(event));
  }

  void RunUntil(Micros time) {
    while (!events_.empty() && events_.begin()->first.first <= time) {
      auto event = events_.extract(events_.begin());
      now_ = event.key().first;
      event.mapped()();
    }
    now_ = time;
  }

 private:
  Micros now_ = 0;
  std::uint64_t planned_ = 0;
  std::map<std::pair<Micros, std::uint64_t>, std::function<void()>> events_;
};

}  // namespace cairn::sim
