#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "raft/base/types.h"
#include "raft/core/message.h"

namespace cairn::raft {

// A follower's reads on their way to the leader: one batch is under way, what arrives meanwhile forms the
// next one. A batch that gets no answer is asked for again under the same token: any answer to it was begun
// after all its reads had arrived.
class ForwardedReads {
 public:
  // `first_batch` is random: an answer to a question from before a restart must not fit one of now (R95).
  ForwardedReads(ReadToken first_batch, std::size_t max_reads) : batch_(first_batch), max_reads_(max_reads) {}

  // False if full: nothing happened.
  bool Add(ReadToken token);

  // Begins the next batch. Empty if one is under way or no read waits; else the token to ask with.
  std::optional<ReadToken> StartBatch();

  // Counts a tick; returns the token to ask with again once `patience` ticks passed without an answer.
  std::optional<ReadToken> Tick(int patience);

  // The leader answered; the reads of that batch, or none if the answer is an old one.
  std::vector<ReadToken> Finish(ReadToken batch);

  // The leader is gone: everything that waits.
  std::vector<ReadToken> TakeAll();

  [[nodiscard]] bool can_start() const { return under_way_.empty() && !waiting_.empty(); }
  [[nodiscard]] ReadToken batch() const { return batch_; }
  [[nodiscard]] std::span<const ReadToken> under_way() const { return under_way_; }

 private:
  ReadToken batch_;  // Of under_way_, or the last one finished.
  std::size_t max_reads_;
  int ticks_ = 0;  // Since the batch was asked for last.
  std::vector<ReadToken> under_way_;
  std::vector<ReadToken> waiting_;
};

}  // namespace cairn::raft
