#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "kv/apply/request.h"
#include "kv/store/store.h"
#include "kv/store/writer.h"
#include "raft/replica/ports.h"

namespace cairn::kv {

// The replicated state machine: applies committed entries to the store, tells the feed what became visible
// and answers those who wait, in this order. Equal entries give equal states and answers on every member,
// however they are grouped into calls. Threads: raft/replica/ports.h.
class KvStateMachine final : public raft::StateMachine {
 public:
  struct Options {
    std::size_t batch_bytes;
    std::size_t answer_bytes;
    std::size_t pin_bytes;
    std::size_t feed_bytes = 32 << 20;
  };

  // `store` outlives this.
  KvStateMachine(Store& store, const Options& options);

  // Null: nobody. REQUIRES: nothing is being applied.
  void SetFeed(RevisionFeed* feed) { feed_ = feed; }

  [[nodiscard]] raft::SnapshotMeta recovered() const override;
  // After an error the items that were not answered still have their `done`.
  absl::Status Apply(std::span<raft::ApplyItem> items) override;
  void StartFlush() override { store_.StartFlush(); }
  [[nodiscard]] raft::EntryId flushed() const override { return store_.flushed(); }
  [[nodiscard]] std::uint64_t unflushed_bytes() const override;
  absl::StatusOr<std::unique_ptr<raft::SnapshotSource>> OpenSnapshot() override;
  absl::StatusOr<std::unique_ptr<raft::SnapshotSink>> ReceiveSnapshot(const raft::SnapshotMeta& meta,
                                                                      std::string_view manifest) override;
  absl::Status Install(std::unique_ptr<raft::SnapshotSink> sink) override;

 private:
  // Somebody's answer, given once the batch is visible.
  struct Answer {
    raft::ApplyItem* item;  // Of the present Apply().
    std::unique_ptr<KvResult> result;
  };

  // The result of the entry, null if it has none.
  absl::StatusOr<std::unique_ptr<KvResult>> ApplyEntry(const raft::Entry& entry, bool answer);
  // Keeps the answer until the batch is visible.
  void Hold(raft::ApplyItem& item, std::unique_ptr<KvResult> result);
  absl::StatusOr<std::unique_ptr<KvResult>> ApplyCommand(const raft::Entry& entry, bool answer);
  absl::Status Commit();
  [[nodiscard]] std::unique_ptr<Writer> NewWriter();

  Store& store_;
  const Options options_;
  RevisionFeed* feed_ = nullptr;
  std::unique_ptr<Writer> writer_;  // Of the present store generation.
  std::vector<Answer> answers_;     // Of entries in the open batch.
  std::size_t answers_bytes_ = 0;   // Invariant: the sum of their bodies.
};

}  // namespace cairn::kv
