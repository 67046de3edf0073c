#include "raft/core/forwarded_reads.h"

#include <utility>

namespace cairn::raft {

bool ForwardedReads::Add(ReadToken token) {
  if (under_way_.size() + waiting_.size() >= max_reads_) return false;
  waiting_.push_back(token);
  return true;
}

std::optional<ReadToken> ForwardedReads::StartBatch() {
  if (!can_start()) return std::nullopt;
  under_way_.swap(waiting_);
  batch_ = Next(batch_);
  ticks_ = 0;
  return batch_;
}

std::optional<ReadToken> ForwardedReads::Tick(int patience) {
  if (under_way_.empty() || ++ticks_ < patience) return std::nullopt;
  ticks_ = 0;
  return batch_;
}

std::vector<ReadToken> ForwardedReads::Finish(ReadToken batch) {
  if (batch != batch_) return {};
  return std::exchange(under_way_, {});
}

std::vector<ReadToken> ForwardedReads::TakeAll() {
  std::vector<ReadToken> all = std::exchange(under_way_, {});
  all.insert(all.end(), waiting_.begin(), waiting_.end());
  waiting_.clear();
  return all;
}

}  // namespace cairn::raft
