#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "etcd/rpc.pb.h"
#include "kv/apply/kv_result.h"
#include "kv/store/reader.h"

namespace cairn::kv::api {

// The newest value of each key in a map: enough to see what the API does with requests and answers. What the
// answers mean is tested where the store is. Thread-safe.
class FakeStore final : public Reader {
 public:
  // Applies one command as a state machine would.
  absl::StatusOr<std::unique_ptr<raft::ApplyResult>> Apply(const Payload& command);

  // The next commands are answered with this instead.
  void SetApplyError(const absl::Status& status);
  // The next Range answers with one value of this size, as a reference to it.
  void SetBigValue(std::size_t bytes) { big_value_ = bytes; }

  // A range, or a transaction that reads, looks at this many keys from now on; one that may does not end
  // before ReleaseReads().
  void HoldReads(std::uint64_t keys);
  void AwaitHeldReads(int count);
  void ReleaseReads();

  [[nodiscard]] Revision current_revision() const override;
  [[nodiscard]] Revision compacted_revision() const override { return Revision{compacted_.load()}; }
  absl::StatusOr<ReadAnswer> Range(const etcdserverpb::RangeRequest& request,
                                   const ReadLimits& limits) override;
  absl::StatusOr<ReadAnswer> ReadOnlyTxn(const etcdserverpb::TxnRequest& request,
                                         const ReadLimits& limits) override;
  absl::StatusOr<HistoryChunk> ReadHistory(RevisionId from, const KeyRange* range,
                                           const HistoryLimits& limits) override;
  absl::StatusOr<std::optional<Payload>> RecordAt(RevisionId id) override;
  absl::StatusOr<Hash> HashKv(Revision revision) override;
  [[nodiscard]] Sizes sizes() const override { return {.allocated = 4096, .in_use = 1024, .keys = 3}; }

  std::atomic<int> ranges{0};
  std::atomic<int> read_only_txns{0};
  std::atomic<int> abandoned_reads{0};  // Held, and abandoned by the time they were released.

 private:
  // OK when there is nothing to hold, or no more.
  absl::Status Hold(const ReadLimits& limits);

  mutable absl::Mutex mu_;
  std::map<std::string, mvccpb::KeyValue> keys_ ABSL_GUARDED_BY(mu_);
  std::int64_t revision_ ABSL_GUARDED_BY(mu_) = 1;
  absl::Status apply_error_ ABSL_GUARDED_BY(mu_);
  std::atomic<std::int64_t> compacted_{-1};
  std::atomic<std::size_t> big_value_{0};
  absl::Mutex reads_mu_;
  std::uint64_t keys_of_a_read_ ABSL_GUARDED_BY(reads_mu_) = 0;
  int held_reads_ ABSL_GUARDED_BY(reads_mu_) = 0;
};

}  // namespace cairn::kv::api
