#include "raft/core/progress.h"

#include <algorithm>
#include <utility>

#include "raft/base/assert.h"

namespace cairn::raft {

bool Progress::CanSend() const {
  switch (state_) {
    case State::kProbe:
      return !probe_under_way_;
    case State::kReplicate:
      return !inflight_.full();
    case State::kSnapshot:
      return false;
  }
  return false;
}

bool Progress::WantsEmpty(Index commit) const {
  return poke_ || (state_ == State::kReplicate && told_commit_ < commit);
}

void Progress::OnSent(std::uint64_t count, std::size_t bytes, Index commit) {
  CAIRN_ASSERT(CanSend(), "match={} next={} inflight={}", match_, next_, inflight_.count());
  poke_ = false;
  told_commit_ = std::max(told_commit_, commit);
  if (state_ == State::kProbe) {
    // next_ stays: until the peer answers nobody knows whether these entries fit.
    probe_under_way_ = true;
    return;
  }
  if (count == 0) return;
  next_ = Index{next_.value() + count};
  inflight_.Add(Previous(next_), bytes);
}

bool Progress::OnAccepted(Index match, Index first_usable) {
  if (match <= match_ && state_ != State::kProbe) return false;
  // In probe state an answer to an old append may say less than we know, but it does say that the peer is
  // there and agrees.
  const bool news = match > match_ || state_ == State::kProbe;
  if (match >= match_) refuses_acknowledged_ = false;
  match_ = std::max(match_, match);
  next_ = std::max(next_, cairn::Next(match_));
  switch (state_) {
    case State::kProbe:
      BecomeReplicate();
      break;
    case State::kReplicate:
      inflight_.FreeUpTo(match_);
      break;
    case State::kSnapshot:
      // Caught up by other means (R63), or the snapshot arrived: either way the log can go on from here.
      if (match_ >= first_usable) BecomeReplicate();
      break;
  }
  return news;
}

bool Progress::OnRejected(Index rejected, Index agree) {
  if (rejected == Index{}) return false;  // Nobody refuses to begin at the beginning.
  switch (state_) {
    case State::kReplicate:
      if (rejected <= match_) return false;
      break;
    case State::kProbe:
      if (cairn::Next(rejected) != next_) return false;
      if (rejected <= match_) {
        // There is nothing lower to try: match_ may be committed. Probing again at once would go on for ever,
        // as fast as the network allows.
        refuses_acknowledged_ = true;
        return false;
      }
      break;
    case State::kSnapshot:
      return false;
  }
  BecomeProbe(cairn::Next(std::max(match_, std::min(agree, Previous(rejected)))));
  return true;
}

void Progress::OnHeartbeatReply(Index last) {
  // Rounds of reads are answered, too, and as often as clients read: if each answer resumed, a peer whose
  // disk hangs would be sent a window's worth over and over, and a probe repeated without need.
  if (state_ == State::kSnapshot || !std::exchange(may_resume_, false)) return;
  switch (state_) {
    case State::kProbe:
      probe_under_way_ = false;
      poke_ = true;
      break;
    case State::kReplicate:
      if (inflight_.full()) inflight_.FreeOldest();
      // Entries that are under way may be lost; an empty append finds that out without sending them again.
      if (match_ < last) poke_ = true;
      break;
    case State::kSnapshot:
      break;
  }
}

void Progress::OnUnreachable() {
  // What is in flight is probably lost; only probing finds out how much of it.
  if (state_ == State::kReplicate) BecomeProbe(cairn::Next(match_));
}

void Progress::OnSnapshotReceived(Index index) {
  if (state_ != State::kSnapshot) return;
  // It has all bytes but may fail to install them: the next append will tell.
  BecomeProbe(cairn::Next(std::max(match_, index)));
  probe_under_way_ = true;
}

void Progress::OnSnapshotFailed() {
  if (state_ != State::kSnapshot) return;
  BecomeProbe(cairn::Next(match_));
  // Not at once: wait until the peer shows that it is there.
  probe_under_way_ = true;
}

void Progress::BecomeProbe(Index next) {
  CAIRN_ASSERT(next > match_, "next={} match={}", next, match_);
  state_ = State::kProbe;
  next_ = next;
  told_commit_ = Index{};
  probe_under_way_ = false;
  poke_ = true;
  inflight_.Clear();
}

void Progress::BecomeReplicate() {
  state_ = State::kReplicate;
  next_ = cairn::Next(match_);
  probe_under_way_ = false;
  inflight_.Clear();
}

void Progress::BecomeSnapshot() {
  state_ = State::kSnapshot;
  probe_under_way_ = false;
  poke_ = false;
  inflight_.Clear();
}

}  // namespace cairn::raft
