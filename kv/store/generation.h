#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/functional/any_invocable.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/synchronization/mutex.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "kv/model/member.h"
#include "kv/store/compactor.h"
#include "kv/store/key_index.h"
#include "kv/store/options.h"
#include "kv/store/schema.h"
#include "kv/store/store_home.h"

namespace cairn::kv {

// One store from its opening to its replacement by a snapshot, with everything derived from it. Shared by
// whoever still reads it: views, answers that reference its bytes, background tasks. The last one closes it,
// or hands that over (CloseElsewhere).
class Generation {
 public:
  // Reads where the store stands, removes what a crash left of an unfinished request, and rebuilds the key
  // index. A store that was never written to gets `bootstrap` as its members, or is an error without one.
  static absl::StatusOr<std::shared_ptr<Generation>> Open(OpenedStore store, const StoreOptions& options,
                                                          const Members* bootstrap);
  ~Generation();
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  [[nodiscard]] OrderedKv& kv() const { return *store_.kv; }
  [[nodiscard]] const OpenedStore& store() const { return store_; }
  KeyIndex& index() { return index_; }
  Compactor& compactor() { return compactor_; }
  [[nodiscard]] const StoreOptions& options() const { return options_; }

  // What is visible to readers. Thread-safe.
  [[nodiscard]] Revision current() const { return Revision{current_.load(std::memory_order_acquire)}; }
  [[nodiscard]] Revision compacted() const { return Revision{compacted_.load(std::memory_order_acquire)}; }
  [[nodiscard]] schema::State state() const;
  [[nodiscard]] std::shared_ptr<const Members> members() const;

  // The applier, after the batch that says so has been written.
  void Publish(const schema::State& state);
  void PublishCompacted(Revision compacted) {
    compacted_.store(compacted.value(), std::memory_order_release);
  }
  void PublishMembers(std::shared_ptr<const Members> members);

  // Bytes of the records whose versions are in the growing table: what a restart would read. The applier.
  [[nodiscard]] std::uint64_t tail_bytes() const { return tail_bytes_; }
  void GrowTail(std::uint64_t bytes) { tail_bytes_ += bytes; }
  void ResetTail() { tail_bytes_ = 0; }

  // `run` is called by whoever lets go last, if the store is retired by then: with what closes it and removes
  // its files, to be run somewhere else or dropped, which does the same at once. Before the generation is
  // shared with other threads.
  using Elsewhere = std::function<void(absl::AnyInvocable<void()> close)>;
  void CloseElsewhere(Elsewhere run) { elsewhere_ = std::move(run); }

  // No longer the current store: its files go when it is closed, and background work on it ends.
  void Retire() { retired_.store(true); }
  [[nodiscard]] bool retired() const { return retired_.load(); }

 private:
  Generation(OpenedStore store, const StoreOptions& options) : store_(std::move(store)), options_(options) {}

  absl::Status Initialise(const Members& bootstrap);
  absl::Status Load();
  absl::Status RemoveUnfinished();
  absl::Status RebuildIndex();

  OpenedStore store_;
  StoreOptions options_;
  KeyIndex index_;
  Compactor compactor_{*this};
  std::atomic<std::int64_t> current_{kFirstRevision.value()};
  std::atomic<std::int64_t> compacted_{kNeverCompacted.value()};
  std::uint64_t tail_bytes_ = 0;
  std::atomic<bool> retired_{false};
  Elsewhere elsewhere_;
  mutable absl::Mutex mu_;
  schema::State state_ ABSL_GUARDED_BY(mu_);
  std::shared_ptr<const Members> members_ ABSL_GUARDED_BY(mu_);
};

// A row of `meta`, decoded; `missing` if there is no such row.
template <typename T, typename Decode>
absl::StatusOr<T> ReadMeta(OrderedKv& kv, std::string_view row, Decode&& decode, T missing,
                           const KvSnapshot* snapshot = nullptr) {
  absl::StatusOr<std::unique_ptr<PinnedValue>> value = kv.Get(Family::kMeta, row, snapshot);
  if (!value.ok()) return value.status();
  if (*value == nullptr) return missing;
  return decode((*value)->bytes());
}

}  // namespace cairn::kv
