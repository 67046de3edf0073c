#pragma once

#include <vector>

#include "raft/base/types.h"
#include "raft/core/member_config.h"

namespace cairn::raft {

// The configurations in the log and the one before it. In force is the last one, committed or not (thesis
// 4.1); when its entry is cut, the one before is in force again (R82).
class ConfigHistory {
 public:
  ConfigHistory(Index base, MemberConfig config) : configs_{{base, std::move(config)}} {}

  // The entry at `index` carries `config`. REQUIRES: index > last_changed().
  void Add(Index index, MemberConfig config);

  // Entries from `from` on are cut. Returns whether that changed what is in force. REQUIRES: from > the base.
  bool Truncate(Index from);

  // Entries up to `index` are dropped from memory; the configuration in force there becomes the base.
  void CompactTo(Index index);

  void Restart(Index base, MemberConfig config);

  [[nodiscard]] const MemberConfig& in_force() const { return configs_.back().config; }
  [[nodiscard]] Index last_changed() const { return configs_.back().index; }  // Where in_force() stands.
  [[nodiscard]] const MemberConfig& At(Index index) const;                    // REQUIRES: index >= the base.

 private:
  struct Change {
    Index index;
    MemberConfig config;
  };
  // Invariant: not empty, indexes ascend. The first is the base: what was in force before the log's entries.
  std::vector<Change> configs_;
};

}  // namespace cairn::raft
