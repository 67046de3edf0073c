#pragma once

#include <compare>
#include <cstdint>

#include "raft/base/strong.h"

namespace cairn::kv {

// The store's logical time. A fresh store is at 1; each request that changes a key raises it by 1.
using Revision = Strong<struct RevisionTag, std::int64_t>;
// 0: no lease.
using LeaseId = Strong<struct LeaseIdTag, std::int64_t>;

inline constexpr Revision kFirstRevision{1};
inline constexpr Revision kNeverCompacted{-1};

// One change: `sub` counts the changes within a revision, in the order of execution.
struct RevisionId {
  Revision main;
  std::int64_t sub = 0;

  friend auto operator<=>(const RevisionId&, const RevisionId&) = default;
};

}  // namespace cairn::kv
