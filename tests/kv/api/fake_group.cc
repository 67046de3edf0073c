#include "tests/kv/api/fake_group.h"

#include <utility>

namespace cairn::kv::api {

FakeGroup::FakeGroup(Apply apply) : apply_(std::move(apply)) {
  status_.self = raft::NodeId{0xa1};
  status_.cluster = raft::ClusterId{0xc0ffee};
  status_.term = raft::Term{7};
  status_.leader = status_.self;
  status_.commit = raft::Index{40};
  status_.applied = raft::Index{39};
  status_.config.voters = {raft::NodeId{0xa1}, raft::NodeId{0xb2}};
  status_.config.learners = {raft::NodeId{0xd4}};
  thread_ = std::thread([this] { Run(); });
}

FakeGroup::~FakeGroup() {
  {
    const absl::MutexLock lock(&mu_);
    stopping_ = true;
  }
  thread_.join();
}

void FakeGroup::Hold() {
  const absl::MutexLock lock(&mu_);
  held_ = true;
}

void FakeGroup::Release() {
  const absl::MutexLock lock(&mu_);
  held_ = false;
}

void FakeGroup::FailWith(const absl::Status& status) {
  const absl::MutexLock lock(&mu_);
  failure_ = status;
}

void FakeGroup::AwaitHeld(std::size_t count) {
  const absl::MutexLock lock(&mu_);
  const auto enough = [this, count]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return queue_.size() >= count; };
  mu_.Await(absl::Condition(&enough));
}

void FakeGroup::SetStatus(const raft::GroupStatus& status) {
  const absl::MutexLock lock(&mu_);
  status_ = status;
}

void FakeGroup::SetLeader(std::optional<raft::NodeId> leader) {
  const absl::MutexLock lock(&mu_);
  status_.leader = leader;
}

void FakeGroup::SetTransferResult(const absl::Status& status) {
  const absl::MutexLock lock(&mu_);
  transfer_result_ = status;
}

std::vector<std::optional<raft::NodeId>> FakeGroup::transfers() const {
  const absl::MutexLock lock(&mu_);
  return transfers_;
}

raft::GroupStatus FakeGroup::status() const {
  const absl::MutexLock lock(&mu_);
  return status_;
}

void FakeGroup::Push(Item item) {
  const absl::MutexLock lock(&mu_);
  queue_.push_back(std::move(item));
}

void FakeGroup::Propose(Payload command, raft::ProposeDone done) {
  ++proposals_;
  Push({.command = std::move(command), .propose_done = std::move(done), .read_done = {}});
}

void FakeGroup::ReadBarrier(raft::ReadDone done) {
  ++barriers_;
  Push({.command = std::nullopt, .propose_done = {}, .read_done = std::move(done)});
}

void FakeGroup::TransferLeadership(std::optional<raft::NodeId> to,
                                   absl::AnyInvocable<void(absl::Status)> done) {
  absl::Status result;
  {
    const absl::MutexLock lock(&mu_);
    transfers_.push_back(to);
    result = transfer_result_;
  }
  Push({.command = std::nullopt,
        .propose_done = {},
        .read_done = [result, done = std::move(done)](const absl::Status&) mutable { done(result); }});
}

void FakeGroup::Run() {
  for (;;) {
    std::deque<Item> items;
    absl::Status failure;
    bool last = false;
    {
      const absl::MutexLock lock(&mu_);
      mu_.Await(absl::Condition(this, &FakeGroup::HasWork));
      items.swap(queue_);
      failure = failure_;
      last = stopping_;
    }
    if (last) failure = raft::MakeRaftError(raft::RaftError::kStopped, "the test is over");
    for (Item& item : items) {
      if (!item.command) {
        item.read_done(failure);
      } else if (failure.ok()) {
        item.propose_done(apply_(*item.command));
      } else {
        item.propose_done(failure);
      }
    }
    if (last) return;
  }
}

}  // namespace cairn::kv::api
