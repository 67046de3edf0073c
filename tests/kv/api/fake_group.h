#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "raft/replica/group.h"

namespace cairn::kv::api {

// A cluster of one that agrees at once: proposals are applied, in order and on a thread of its own as in a
// real node, by a function of the test. Proposals and reads can be held back, refused, or failed.
class FakeGroup final : public raft::Group {
 public:
  using Apply = std::function<absl::StatusOr<std::unique_ptr<raft::ApplyResult>>(const Payload& command)>;

  explicit FakeGroup(Apply apply);
  ~FakeGroup() override;  // Answers what is left as a stopping group does.

  // Nothing is answered until Release().
  void Hold();
  void Release();
  // From now on every proposal and every read barrier is answered with this; OK: as usual again.
  void FailWith(const absl::Status& status);
  // Waits until this many requests are being held.
  void AwaitHeld(std::size_t count);
  [[nodiscard]] std::size_t proposals() const { return proposals_.load(); }
  [[nodiscard]] std::size_t barriers() const { return barriers_.load(); }

  void SetStatus(const raft::GroupStatus& status);
  void SetLeader(std::optional<raft::NodeId> leader);
  // What TransferLeadership() answers; the targets it was asked for.
  void SetTransferResult(const absl::Status& status);
  [[nodiscard]] std::vector<std::optional<raft::NodeId>> transfers() const;

  void Propose(Payload command, raft::ProposeDone done) override;
  void ReadBarrier(raft::ReadDone done) override;
  [[nodiscard]] raft::GroupStatus status() const override;
  [[nodiscard]] bool has_leader() const override { return status().leader.has_value(); }
  void TransferLeadership(std::optional<raft::NodeId> to,
                          absl::AnyInvocable<void(absl::Status)> done) override;

 private:
  struct Item {
    std::optional<Payload> command;  // A proposal; else a read or a transfer.
    raft::ProposeDone propose_done;
    raft::ReadDone read_done;
  };
  void Push(Item item);
  void Run();
  [[nodiscard]] bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return stopping_ || (!held_ && !queue_.empty());
  }

  const Apply apply_;
  std::atomic<std::size_t> proposals_{0};
  std::atomic<std::size_t> barriers_{0};

  mutable absl::Mutex mu_;
  std::deque<Item> queue_ ABSL_GUARDED_BY(mu_);
  bool held_ ABSL_GUARDED_BY(mu_) = false;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status failure_ ABSL_GUARDED_BY(mu_);
  raft::GroupStatus status_ ABSL_GUARDED_BY(mu_);
  absl::Status transfer_result_ ABSL_GUARDED_BY(mu_);
  std::vector<std::optional<raft::NodeId>> transfers_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

}  // namespace cairn::kv::api
