#include "kv/store/store.h"

#include <algorithm>
#include <utility>

#include "kv/store/compactor.h"
#include "kv/store/index_writer.h"
#include "kv/store/snapshot_transfer.h"
#include "kv/store/store_reader.h"
#include "raft/base/assert.h"
#include "raft/base/status.h"

namespace cairn::kv {

Store::Store(StoreHome& home, std::unique_ptr<Worker> worker, const StoreOptions& options)
    : home_(home),
      options_(options),
      reader_(std::make_unique<StoreReader>([this] { return generation(); })),
      worker_(std::move(worker)) {}

absl::StatusOr<std::unique_ptr<Store>> Store::Open(StoreHome& home, std::unique_ptr<Worker> worker,
                                                   const StoreOptions& options, const Members& bootstrap) {
  std::unique_ptr<Store> store(new Store(home, std::move(worker), options));
  CAIRN_ASSIGN_OR_RETURN(OpenedStore opened, home.OpenCurrent());
  CAIRN_ASSIGN_OR_RETURN(std::shared_ptr<Generation> generation,
                         Generation::Open(std::move(opened), options, &bootstrap));
  store->Adopt(std::move(generation));
  store->FreezeIndex(Freeze::kIfFull);
  store->StartCompaction();  // Goes on where an earlier life was interrupted.
  return store;
}

Store::~Store() {
  worker_->Stop();
  GiveUpWaiting(absl::CancelledError("the store was closed"));
}

// What was just opened is what is on stable storage.
void Store::Adopt(std::shared_ptr<Generation> generation) {
  // Weakly: readers may hold on to the generation longer than there is a worker.
  generation->CloseElsewhere([worker = std::weak_ptr<Worker>(worker_)](absl::AnyInvocable<void()> close) {
    const std::shared_ptr<Worker> alive = worker.lock();
    if (alive != nullptr) alive->Post(Worker::Urgency::kWhenIdle, std::move(close));
  });
  const raft::EntryId applied = generation->state().applied;
  std::shared_ptr<Generation> old;
  absl::MutexLock lock(&mu_);
  old = std::exchange(generation_, std::move(generation));
  flushed_ = applied;
}

std::shared_ptr<Generation> Store::generation() const {
  absl::MutexLock lock(&mu_);
  return generation_;
}

void Store::FreezeIndex(Freeze when) {
  const std::shared_ptr<Generation> generation = this->generation();
  KeyIndex& index = generation->index();
  if (index.active_empty()) return;
  const bool full = index.active_bytes() >= options_.key_index_bytes ||
                    generation->tail_bytes() >= options_.key_index_tail_bytes;
  if (when == Freeze::kIfFull && !full) return;
  index.WaitForRoom(options_.key_index_frozen_max);
  index.Freeze(generation->current());
  generation->ResetTail();
  worker_->Post(Worker::Urgency::kSoon, [this, generation] {
    if (generation->retired()) return;
    const absl::Status status = WriteOldestBehind(*generation);
    Report(status);
    // The applier may wait for room; it finds the error before it applies anything more.
    if (!status.ok()) generation->index().GiveUpWriting();
  });
}

void Store::StartCompaction() {
  const std::shared_ptr<Generation> generation = this->generation();
  if (generation->compacted() == kNeverCompacted) return;
  // History is removed from the index family, so what is dead must have got there.
  FreezeIndex(Freeze::kAnyway);
  PostCompaction(generation);
}

void Store::PostCompaction(std::shared_ptr<Generation> generation) {
  worker_->Post(Worker::Urgency::kWhenIdle, [this, generation = std::move(generation)]() mutable {
    if (generation->retired()) return;
    const absl::StatusOr<bool> more = generation->compactor().Step();
    if (!more.ok()) return Report(more.status());
    TellWaiters(generation->compactor().done());
    if (*more) PostCompaction(std::move(generation));
  });
}

void Store::StartFlush() {
  worker_->Post(Worker::Urgency::kSoon, [this, generation = generation()] {
    if (generation->retired()) return;
    const absl::Status status = Flush(*generation);
    Report(status);
    if (status.ok()) ForgetIncoming(flushed().index);
  });
}

void Store::ForgetIncoming(raft::Index applied) {
  {
    absl::MutexLock lock(&mu_);
    if (!receiving_.expired()) return;
    forgetting_ = true;
  }
  home_.ForgetIncoming([applied](std::string_view position) { return IsBehind(position, applied); });
  absl::MutexLock lock(&mu_);
  forgetting_ = false;
}

absl::Status Store::Flush(Generation& generation) {
  const raft::EntryId applied =
      generation.state().applied;  // Published after it was written: the flush has it.
  CAIRN_RETURN_IF_ERROR(generation.kv().FlushAll());
  absl::MutexLock lock(&mu_);
  if (generation_.get() == &generation && applied.index > flushed_.index) flushed_ = applied;
  return absl::OkStatus();
}

raft::EntryId Store::flushed() const {
  absl::MutexLock lock(&mu_);
  return flushed_;
}

void Store::WhenCompacted(Revision revision, absl::AnyInvocable<void(absl::Status)> done) {
  const std::shared_ptr<Generation> generation = this->generation();
  if (revision <= generation->compactor().done()) return std::move(done)(absl::OkStatus());
  const absl::Status given_up = [&] {
    absl::MutexLock lock(&mu_);
    if (given_up_.ok()) waiters_.emplace_back(revision, std::exchange(done, nullptr));
    return given_up_;
  }();
  if (!given_up.ok()) return std::move(done)(given_up);
  // Read after the waiter is in the list: a step that ends in between tells it.
  TellWaiters(generation->compactor().done());
}

void Store::GiveUpWaiting(const absl::Status& error) {
  CAIRN_ASSERT(!error.ok(), "gave up waiting without an error");
  std::vector<Waiter> told;
  {
    absl::MutexLock lock(&mu_);
    given_up_.Update(error);
    told.swap(waiters_);
  }
  for (auto& [revision, callback] : told) std::move(callback)(error);
}

void Store::TellWaiters(Revision done) {
  std::vector<Waiter> told;
  {
    absl::MutexLock lock(&mu_);
    const auto waits = std::stable_partition(waiters_.begin(), waiters_.end(),
                                             [done](const Waiter& waiter) { return waiter.first <= done; });
    told.assign(std::make_move_iterator(waiters_.begin()), std::make_move_iterator(waits));
    waiters_.erase(waiters_.begin(), waits);
  }
  for (auto& [revision, callback] : told) std::move(callback)(absl::OkStatus());
}

void Store::Report(const absl::Status& status) {
  if (status.ok()) return;
  {
    absl::MutexLock lock(&mu_);
    background_status_.Update(status);
  }
  // Nothing is removed any more: not after a step that failed, and not without the write-behind before it.
  GiveUpWaiting(status);
}

absl::Status Store::background_status() const {
  absl::MutexLock lock(&mu_);
  return background_status_;
}

absl::StatusOr<std::unique_ptr<raft::SnapshotSource>> Store::OpenSnapshot() {
  return MakeSnapshotSource(home_, generation());
}

absl::StatusOr<std::unique_ptr<raft::SnapshotSink>> Store::ReceiveSnapshot(const raft::SnapshotMeta& meta,
                                                                           std::string_view manifest) {
  const std::shared_ptr<const void> held = std::make_shared<const int>();
  {
    const auto not_forgetting = [this]() ABSL_SHARED_LOCKS_REQUIRED(mu_) { return !forgetting_; };
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(&not_forgetting));
    receiving_ = held;
  }
  return MakeSnapshotSink(home_, options_, meta, manifest, held);
}

absl::Status Store::Install(std::unique_ptr<raft::SnapshotSink> sink) {
  CAIRN_ASSIGN_OR_RETURN(std::shared_ptr<Generation> fresh, MakeCurrent(std::move(sink)));
  const std::shared_ptr<Generation> old = generation();
  Adopt(std::move(fresh));
  old->Retire();
  FreezeIndex(Freeze::kIfFull);
  StartCompaction();
  return absl::OkStatus();
}

absl::Status Store::Close() {
  worker_->Stop();
  CAIRN_RETURN_IF_ERROR(Flush(*generation()));
  return background_status();
}

}  // namespace cairn::kv
