#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "raft/core/message.h"
#include "raft/core/output.h"

namespace cairn::raft {

// What has piled up for the next Output besides writes and committed entries, which are taken from the log.
class Outbox {
 public:
  explicit Outbox(NodeId self) : self_(self) {}

  // For what promises nothing about our storage.
  template <typename Body>
  void SendNow(NodeId to, Term term, Body body) {
    now_.push_back({.from = self_, .to = to, .message = {.term = term, .body = std::move(body)}});
  }

  // For what follows from our term, vote or entries: leaves once everything written so far is durable.
  template <typename Body>
  void SendAfterSync(NodeId to, Term term, Body body) {
    after_sync_.push_back({.from = self_, .to = to, .message = {.term = term, .body = std::move(body)}});
  }

  void AnswerRead(ReadReady read) { reads_.push_back(read); }
  void AskForSnapshot(NodeId to) { snapshots_needed_.push_back({.to = to}); }
  void Install(SnapshotMeta meta) { install_ = std::move(meta); }

  // Moves everything into `output`.
  void DrainTo(Output& output) {
    output.install = std::exchange(install_, std::nullopt);
    output.send_now = std::exchange(now_, {});
    output.send_after_sync = std::exchange(after_sync_, {});
    output.reads = std::exchange(reads_, {});
    output.snapshots_needed = std::exchange(snapshots_needed_, {});
  }

  [[nodiscard]] bool empty() const {
    return !install_ && now_.empty() && after_sync_.empty() && reads_.empty() && snapshots_needed_.empty();
  }

 private:
  NodeId self_;
  std::optional<SnapshotMeta> install_;
  std::vector<Envelope> now_;
  std::vector<Envelope> after_sync_;
  std::vector<ReadReady> reads_;
  std::vector<SnapshotNeeded> snapshots_needed_;
};

}  // namespace cairn::raft
