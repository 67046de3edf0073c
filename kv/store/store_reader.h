#pragma once

#include <functional>
#include <memory>

#include "kv/store/generation.h"
#include "kv/store/reader.h"

namespace cairn::kv {

// Reader on the generation that is current when a call begins.
class StoreReader final : public Reader {
 public:
  explicit StoreReader(std::function<std::shared_ptr<Generation>()> generation)
      : generation_(std::move(generation)) {}

  [[nodiscard]] Revision current_revision() const override;
  [[nodiscard]] Revision compacted_revision() const override;
  absl::StatusOr<ReadAnswer> Range(const etcdserverpb::RangeRequest& request,
                                   const ReadLimits& limits) override;
  absl::StatusOr<ReadAnswer> ReadOnlyTxn(const etcdserverpb::TxnRequest& request,
                                         const ReadLimits& limits) override;
  absl::StatusOr<HistoryChunk> ReadHistory(RevisionId from, const KeyRange* range,
                                           const HistoryLimits& limits) override;
  absl::StatusOr<std::optional<Payload>> RecordAt(RevisionId id) override;
  absl::StatusOr<Hash> HashKv(Revision revision) override;
  [[nodiscard]] Sizes sizes() const override;

 private:
  std::function<std::shared_ptr<Generation>()> generation_;
};

}  // namespace cairn::kv
