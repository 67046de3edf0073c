#include "kv/apply/database.h"

#include <utility>

#include "kv/apply/state_machine.h"
#include "kv/store/disk_home.h"
#include "kv/store/memory_home.h"
#include "kv/store/store.h"
#include "kv/store/worker.h"
#include "raft/base/status.h"

namespace cairn::kv {
namespace {

class StoreDatabase final : public KvDatabase {
 public:
  StoreDatabase(std::unique_ptr<StoreHome> home, std::unique_ptr<Store> store, const DatabaseOptions& options)
      : home_(std::move(home)),
        store_(std::move(store)),
        machine_(*store_, {.batch_bytes = options.batch_bytes,
                           .answer_bytes = options.answer_bytes,
                           .pin_bytes = options.store.pin_bytes,
                           .feed_bytes = options.feed_bytes}) {}

  [[nodiscard]] Reader& reader() override { return store_->reader(); }
  [[nodiscard]] raft::StateMachine& state_machine() override { return machine_; }
  void SetFeed(RevisionFeed* feed) override { machine_.SetFeed(feed); }
  [[nodiscard]] std::shared_ptr<const Members> members() const override {
    return store_->generation()->members();
  }
  void WhenCompacted(Revision revision, absl::AnyInvocable<void(absl::Status)> done) override {
    store_->WhenCompacted(revision, std::move(done));
  }
  void GiveUpWaiting(absl::Status error) override { store_->GiveUpWaiting(error); }
  absl::Status Close() override { return store_->Close(); }

 private:
  std::unique_ptr<StoreHome> home_;  // Null if it is somebody else's.
  std::unique_ptr<Store> store_;
  KvStateMachine machine_;
};

absl::StatusOr<std::unique_ptr<KvDatabase>> Make(StoreHome& home, std::unique_ptr<StoreHome> owned,
                                                 std::unique_ptr<Worker> worker,
                                                 const DatabaseOptions& options, const Members& bootstrap) {
  CAIRN_ASSIGN_OR_RETURN(std::unique_ptr<Store> store,
                         Store::Open(home, std::move(worker), options.store, bootstrap));
  return std::make_unique<StoreDatabase>(std::move(owned), std::move(store), options);
}

}  // namespace

absl::StatusOr<std::unique_ptr<KvDatabase>> KvDatabase::Open(const std::string& directory,
                                                             const DatabaseOptions& options,
                                                             const Members& bootstrap) {
  auto home = std::make_unique<DiskHome>(directory, options.store);
  StoreHome& reference = *home;
  return Make(reference, std::move(home), MakeThreadWorker(options.store.compaction_pause), options,
              bootstrap);
}

absl::StatusOr<std::unique_ptr<KvDatabase>> KvDatabase::OpenInMemory(StoreHome& home,
                                                                     const DatabaseOptions& options,
                                                                     const Members& bootstrap) {
  return Make(home, nullptr, MakeInlineWorker(), options, bootstrap);
}

absl::StatusOr<std::unique_ptr<KvDatabase>> KvDatabase::OpenInMemory(const Members& bootstrap) {
  auto home = std::make_unique<MemoryHome>();
  StoreHome& reference = *home;
  return Make(reference, std::move(home), MakeInlineWorker(), {}, bootstrap);
}

}  // namespace cairn::kv
