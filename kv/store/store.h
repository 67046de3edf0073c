#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/functional/any_invocable.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/synchronization/mutex.h>

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "kv/model/member.h"
#include "kv/store/generation.h"
#include "kv/store/options.h"
#include "kv/store/reader.h"
#include "kv/store/store_home.h"
#include "kv/store/worker.h"
#include "raft/replica/ports.h"

namespace cairn::kv {

enum class Freeze : std::uint8_t { kIfFull, kAnyway };

// The current generation of the store and the background work on it. Thread-safe except where a call is said
// to be the applier's. Outlives everything that reads.
class Store {
 public:
  static absl::StatusOr<std::unique_ptr<Store>> Open(StoreHome& home, std::unique_ptr<Worker> worker,
                                                     const StoreOptions& options, const Members& bootstrap);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  [[nodiscard]] std::shared_ptr<Generation> generation() const;
  [[nodiscard]] Reader& reader() { return *reader_; }

  // The applier, when every change in the key index is written: freezes it and has it written behind; waits
  // if too much waits already. Also in the middle of a request, whose first changes then get into the index
  // family above the published revision; the watermark stays below them.
  void FreezeIndex(Freeze when);
  // The applier: the compacted revision has moved.
  void StartCompaction();

  // Makes what has been published durable, in the background.
  void StartFlush();
  [[nodiscard]] raft::EntryId flushed() const;

  void WhenCompacted(Revision revision, absl::AnyInvocable<void(absl::Status)> done);
  // As KvDatabase::GiveUpWaiting().
  void GiveUpWaiting(const absl::Status& error);

  // Anything the background work failed at; fatal for the node.
  [[nodiscard]] absl::Status background_status() const;

  absl::StatusOr<std::unique_ptr<raft::SnapshotSource>> OpenSnapshot();
  absl::StatusOr<std::unique_ptr<raft::SnapshotSink>> ReceiveSnapshot(const raft::SnapshotMeta& meta,
                                                                      std::string_view manifest);
  // The applier. Durable when OK is returned; on an error the old state stands.
  absl::Status Install(std::unique_ptr<raft::SnapshotSink> sink);

  // Ends the background work and flushes.
  absl::Status Close();

 private:
  using Waiter = std::pair<Revision, absl::AnyInvocable<void(absl::Status)>>;

  Store(StoreHome& home, std::unique_ptr<Worker> worker, const StoreOptions& options);

  void Adopt(std::shared_ptr<Generation> generation);
  void PostCompaction(std::shared_ptr<Generation> generation);
  void TellWaiters(Revision done);
  void Report(const absl::Status& status);
  absl::Status Flush(Generation& generation);
  // What a broken transfer left is of no use once the state has passed it by itself.
  void ForgetIncoming(raft::Index applied);

  StoreHome& home_;
  const StoreOptions options_;
  std::unique_ptr<Reader> reader_;
  mutable absl::Mutex mu_;
  std::shared_ptr<Generation> generation_ ABSL_GUARDED_BY(mu_);
  raft::EntryId flushed_ ABSL_GUARDED_BY(mu_);
  absl::Status background_status_ ABSL_GUARDED_BY(mu_);
  std::vector<Waiter> waiters_ ABSL_GUARDED_BY(mu_);  // Invariant: empty if given_up_ is an error.
  absl::Status given_up_ ABSL_GUARDED_BY(mu_);  // What whoever comes to wait is told at once; OK: nothing.
  std::weak_ptr<const void> receiving_ ABSL_GUARDED_BY(mu_);  // Held by the sink, if there is one.
  bool forgetting_ ABSL_GUARDED_BY(mu_) = false;              // A new sink waits until this is over.
  std::shared_ptr<Worker> worker_;                            // Last: its tasks use the others.
};

}  // namespace cairn::kv
