#include "raft/core/config_history.h"

#include <utility>

#include "raft/base/assert.h"

namespace cairn::raft {

void ConfigHistory::Add(Index index, MemberConfig config) {
  CAIRN_ASSERT(index > last_changed(), "index={} last_changed={}", index, last_changed());
  configs_.push_back({.index = index, .config = std::move(config)});
}

bool ConfigHistory::Truncate(Index from) {
  CAIRN_ASSERT(from > configs_.front().index, "from={} base={}", from, configs_.front().index);
  const std::size_t before = configs_.size();
  while (configs_.back().index >= from) configs_.pop_back();
  return configs_.size() != before;
}

void ConfigHistory::CompactTo(Index index) {
  CAIRN_ASSERT(index >= configs_.front().index, "index={} base={}", index, configs_.front().index);
  while (configs_.size() > 1 && configs_[1].index <= index) configs_.erase(configs_.begin());
  // The base keeps its own index: last_changed() must go on telling where the configuration came from.
}

void ConfigHistory::Restart(Index base, MemberConfig config) {
  configs_.clear();
  configs_.push_back({.index = base, .config = std::move(config)});
}

const MemberConfig& ConfigHistory::At(Index index) const {
  CAIRN_ASSERT(index >= configs_.front().index, "index={} base={}", index, configs_.front().index);
  auto change = configs_.rbegin();
  while (change->index > index) ++change;
  return change->config;
}

}  // namespace cairn::raft
