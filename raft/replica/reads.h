#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "raft/base/types.h"
#include "raft/core/output.h"
#include "raft/replica/group.h"

namespace cairn::raft {

// The read barriers of this node's clients, from their arrival to their answer (thesis 6.4).
//
// All reads that wait at one moment share one token, the round. Confirmed at an index, a round waits until
// that index is applied here. A read has no effect, so a round that was not confirmed, or was not answered
// for long, is simply asked for anew: its readers wait for the next round, and the old token means nothing.
//
// Like PendingProposals, it calls nobody: answers gather until TakeAnswers(). Not thread-safe.
class PendingReads {
 public:
  struct Answer {
    ReadDone done;
    absl::Status status;
  };

  explicit PendingReads(std::size_t limit) : limit_(limit) {}

  // Queues, or answers kOverloaded. `deadline` is in ticks.
  void Add(ReadDone done, std::uint64_t deadline);
  void Refuse(ReadDone done, absl::Status status);

  // Starts a round for everybody who waits: the token to ask with; nothing if nobody waits.
  [[nodiscard]] std::optional<ReadToken> StartRound(std::uint64_t tick);

  // The core's answer. Unknown tokens are those of rounds given up.
  void Ready(const ReadReady& ready, Index applied);

  void Applied(Index applied);

  // Whoever was not confirmed, or asked before `asked_before`, asks again. Returns how many rounds were late.
  std::size_t Retry(std::uint64_t asked_before);

  // Answers kTimeout to everybody whose deadline is reached.
  void Expire(std::uint64_t tick);

  // There has been no leader for too long: answers kNoLeader to whoever is not confirmed.
  void GiveUpWithoutLeader();

  void FailAll(RaftError error, std::string_view detail);

  [[nodiscard]] std::vector<Answer> TakeAnswers();

  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] bool has_waiting() const { return !waiting_.empty(); }
  [[nodiscard]] std::size_t rounds() const { return rounds_.size() + confirmed_.size(); }

 private:
  struct Read {
    ReadDone done;
    std::uint64_t deadline;
  };
  struct Round {
    std::uint64_t asked;  // The tick.
    std::vector<Read> reads;
  };

  void Answered(std::vector<Read>& reads, const absl::Status& status);
  void ExpireIn(std::vector<Read>& reads, std::uint64_t tick);

  const std::size_t limit_;
  std::size_t count_ = 0;                  // Reads in all four places.
  std::vector<Read> waiting_;              // For the next round.
  std::vector<Read> unconfirmed_;          // For Retry(), so that a refusal is not asked for again at once.
  std::map<ReadToken, Round> rounds_;      // Asked for. None is empty.
  std::multimap<Index, Round> confirmed_;  // Waiting for this index to be applied. None is empty.
  ReadToken last_token_;
  std::vector<Answer> answers_;
};

}  // namespace cairn::raft
