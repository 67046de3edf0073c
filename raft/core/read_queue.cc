#include "raft/core/read_queue.h"

#include <utility>

#include "raft/base/assert.h"

namespace cairn::raft {

bool ReadQueue::Add(PendingRead read) {
  if (size() >= max_reads_) return false;
  waiting_.push_back(read);
  return true;
}

bool ReadQueue::StartRound(Index commit) {
  if (waiting_.empty() || round_under_way()) return false;
  CAIRN_ASSERT(commit >= index_, "commit={} index={}", commit, index_);
  round_ = Next(round_);
  index_ = commit;
  confirming_.swap(waiting_);
  return true;
}

ReadQueue::Confirmed ReadQueue::Confirm(ReadRound round) {
  if (!round_under_way() || round < round_) return {};
  return {.index = index_, .reads = std::exchange(confirming_, {})};
}

std::vector<PendingRead> ReadQueue::TakeAll() {
  std::vector<PendingRead> all = std::exchange(confirming_, {});
  all.insert(all.end(), waiting_.begin(), waiting_.end());
  waiting_.clear();
  return all;
}

}  // namespace cairn::raft
