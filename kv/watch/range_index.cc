#include "kv/watch/range_index.h"

#include <utility>

#include "raft/base/assert.h"

namespace cairn::kv {

RangeGroup& RangeIndex::FindOrCreate(const KeyRange& range, Revision floor) {
  CAIRN_ASSERT(!range.IsEmpty(), "an empty range matches nothing and is refused before");
  const bool single = range.IsSingle();
  if (single) {
    if (const auto found = singles_.find(range.begin); found != singles_.end()) return *found->second;
  } else if (RangeGroup* const found = ranges_.Find(range); found != nullptr) {
    return *found;
  }

  auto owned = std::make_unique<RangeGroup>(range);
  RangeGroup& group = *owned;
  group.floor = floor;
  groups_.emplace(&group, std::move(owned));
  if (single) {
    singles_.emplace(group.range.begin, &group);
  } else {
    ranges_.Insert(group.range, &group);
  }
  return group;
}

void RangeIndex::Erase(RangeGroup& group) {
  CAIRN_ASSERT(group.members == 0, "members={}", group.members);
  if (group.range.IsSingle()) {
    singles_.erase(group.range.begin);
  } else {
    ranges_.Erase(group.range);
  }
  groups_.erase(&group);
}

}  // namespace cairn::kv
