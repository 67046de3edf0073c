#pragma once

#include <vector>

#include "raft/base/types.h"

namespace cairn::raft {

// Knows how much of the log is on stable storage here, from the numbers of the writes alone (thesis 10.2.1).
//
// Term and index would not do: the pair (5, term 2) may be written, truncated, and written again by the same
// leader's second attempt, and the late answer about the first write must not vouch for the second (R44). So
// a truncation voids what earlier writes say about the indexes it cuts.
class WriteTracker {
 public:
  explicit WriteTracker(Index durable) : durable_(durable) {}

  // The number of the write now begun, after which the log will reach `last`.
  WriteNumber Begin(Index last);

  // Entries from `from` on are cut: no write begun so far says anything about them any more.
  void Void(Index from);

  // Every write up to `write` is durable. Repeats and late answers do no harm. REQUIRES: write <=
  // last_begun().
  void Persisted(WriteNumber write);

  // A snapshot replaced the log; it is durable up to `base`, and nothing is left of the writes before.
  void Restart(Index base);

  [[nodiscard]] Index durable() const { return durable_; }  // The log as it is now is durable up to here.
  [[nodiscard]] WriteNumber last_begun() const { return last_begun_; }
  [[nodiscard]] WriteNumber next() const { return Next(last_begun_); }
  [[nodiscard]] bool idle() const { return persisted_ == last_begun_; }

 private:
  struct Write {
    WriteNumber number;
    Index last;
  };

  Index durable_;
  WriteNumber last_begun_;
  WriteNumber persisted_;      // Invariant: persisted_ <= last_begun_.
  std::vector<Write> writes_;  // Begun, not persisted; numbers ascend. A handful at most.
};

}  // namespace cairn::raft
