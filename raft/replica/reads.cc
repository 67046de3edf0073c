#include "raft/replica/reads.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "raft/base/assert.h"
#include "raft/base/probe.h"

namespace cairn::raft {

void PendingReads::Add(ReadDone done, std::uint64_t deadline) {
  if (count_ >= limit_) {
    Refuse(std::move(done), MakeRaftError(RaftError::kOverloaded, "too many reads are waiting"));
    return;
  }
  ++count_;
  waiting_.push_back({.done = std::move(done), .deadline = deadline});
}

void PendingReads::Refuse(ReadDone done, absl::Status status) {
  answers_.push_back({std::move(done), std::move(status)});
}

std::optional<ReadToken> PendingReads::StartRound(std::uint64_t tick) {
  if (waiting_.empty()) return std::nullopt;
  last_token_ = Next(last_token_);
  rounds_.emplace(last_token_, Round{.asked = tick, .reads = std::exchange(waiting_, {})});
  return last_token_;
}

void PendingReads::Ready(const ReadReady& ready, Index applied) {
  const auto found = rounds_.find(ready.token);
  if (found == rounds_.end()) return;
  Round round = std::move(found->second);
  rounds_.erase(found);
  if (!ready.confirmed) {
    std::move(round.reads.begin(), round.reads.end(), std::back_inserter(unconfirmed_));
  } else if (ready.index <= applied) {
    Answered(round.reads, absl::OkStatus());
  } else {
    confirmed_.emplace(ready.index, std::move(round));
  }
}

void PendingReads::Applied(Index applied) {
  const auto end = confirmed_.upper_bound(applied);
  for (auto it = confirmed_.begin(); it != end; ++it) Answered(it->second.reads, absl::OkStatus());
  confirmed_.erase(confirmed_.begin(), end);
}

std::size_t PendingReads::Retry(std::uint64_t asked_before) {
  std::move(unconfirmed_.begin(), unconfirmed_.end(), std::back_inserter(waiting_));
  unconfirmed_.clear();
  std::size_t late = 0;
  for (auto it = rounds_.begin(); it != rounds_.end();) {
    if (it->second.asked >= asked_before) break;  // Tokens rise with time.
    CAIRN_PROBE("replica_read_round_asked_again");
    std::move(it->second.reads.begin(), it->second.reads.end(), std::back_inserter(waiting_));
    it = rounds_.erase(it);
    ++late;
  }
  return late;
}

void PendingReads::Expire(std::uint64_t tick) {
  if (count_ == 0) return;
  ExpireIn(waiting_, tick);
  ExpireIn(unconfirmed_, tick);
  for (auto& [token, round] : rounds_) ExpireIn(round.reads, tick);
  for (auto& [index, round] : confirmed_) ExpireIn(round.reads, tick);
  // While the applier stands still there is a new round each turn; nobody else would take the old ones away.
  const auto nobody_waits = [](const auto& round) { return round.second.reads.empty(); };
  std::erase_if(rounds_, nobody_waits);
  std::erase_if(confirmed_, nobody_waits);
}

void PendingReads::GiveUpWithoutLeader() {
  const absl::Status status = MakeRaftError(RaftError::kNoLeader, "no leader");
  Answered(waiting_, status);
  Answered(unconfirmed_, status);
  for (auto& [token, round] : rounds_) Answered(round.reads, status);
  rounds_.clear();
}

void PendingReads::FailAll(RaftError error, std::string_view detail) {
  const absl::Status status = MakeRaftError(error, detail);
  Answered(waiting_, status);
  Answered(unconfirmed_, status);
  for (auto& [token, round] : rounds_) Answered(round.reads, status);
  rounds_.clear();
  for (auto& [index, round] : confirmed_) Answered(round.reads, status);
  confirmed_.clear();
  CAIRN_ASSERT(count_ == 0, "reads left={}", count_);
}

std::vector<PendingReads::Answer> PendingReads::TakeAnswers() { return std::exchange(answers_, {}); }

void PendingReads::Answered(std::vector<Read>& reads, const absl::Status& status) {
  CAIRN_ASSERT(count_ >= reads.size(), "count={} answered={}", count_, reads.size());
  count_ -= reads.size();
  for (Read& read : reads) answers_.push_back({std::move(read.done), status});
  reads.clear();
}

void PendingReads::ExpireIn(std::vector<Read>& reads, std::uint64_t tick) {
  const auto expired = std::stable_partition(reads.begin(), reads.end(),
                                             [&](const Read& read) { return read.deadline > tick; });
  std::vector<Read> late(std::make_move_iterator(expired), std::make_move_iterator(reads.end()));
  reads.erase(expired, reads.end());
  Answered(late, MakeRaftError(RaftError::kTimeout, "the read was not confirmed and applied in time"));
}

}  // namespace cairn::raft
