#include "kv/api/hot_call.h"

#include <utility>

namespace cairn::kv::api {

HotService::HotService(std::vector<Entry> entries) : entries_(std::move(entries)) {
  paths_.reserve(entries_.size());
  for (const Entry& entry : entries_) {
    paths_.push_back(Methods()[entry.method].Path());
    AddMethod(new grpc::internal::RpcServiceMethod(paths_.back().c_str(),
                                                   grpc::internal::RpcMethod::NORMAL_RPC, nullptr));
    MarkMethodRaw(static_cast<int>(paths_.size()) - 1);
  }
}

void HotService::Request(std::size_t entry, grpc::ServerContext& context, grpc::ByteBuffer& request,
                         grpc::ServerAsyncResponseWriter<grpc::ByteBuffer>& writer,
                         grpc::ServerCompletionQueue& queue, void* tag) {
  RequestAsyncUnary(static_cast<int>(entry), &context, &request, &writer, &queue, &queue, tag);
}

HotCallPool::~HotCallPool() = default;

void HotCallPool::ArmAll() {
  for (std::size_t entry = 0; entry < service_.entries().size(); ++entry) {
    for (int i = 0; i < service_.entries()[entry].armed; ++i) Arm(entry);
  }
}

void HotCallPool::Arm(std::size_t entry) {
  std::unique_ptr<HotCall> call;
  if (idle_.empty()) {
    call = std::make_unique<HotCall>(poller_, service_, *this);
  } else {
    call = std::move(idle_.back());
    idle_.pop_back();
  }
  call.release()->Arm(entry);  // The queue's now.
}

void HotCallPool::GiveBack(std::unique_ptr<HotCall> call) {
  if (idle_.size() < kMaxIdle) idle_.push_back(std::move(call));
}

void HotCall::Arm(std::size_t entry) {
  poller_.CallPosted();
  entry_ = entry;
  sent_ = false;
  done_ = false;
  context_.emplace();
  writer_.emplace(&*context_);
  context_->AsyncNotifyWhenDone(static_cast<CqTag*>(&done_tag_));
  service_.Request(entry, *context_, request_, *writer_, poller_.queue(), static_cast<CqTag*>(&arrived_tag_));
}

void HotCall::OnArrived(bool ok) {
  if (!ok) {  // The server shuts down; no other event of this call will come.
    writer_.reset();
    context_.reset();
    poller_.CallWithdrawn();
    pool_.GiveBack(std::unique_ptr<HotCall>(this));
    return;
  }
  poller_.CallBegan();
  pool_.Arm(entry_);
  const HotService::Entry& entry = service_.entries()[entry_];
  Begin(entry.method, entry.service, *context_, request_);
}

void HotCall::SendAndEnd(const grpc::ByteBuffer& response, const grpc::Status& status) {
  request_.Clear();
  if (response.Length() >= kLargeAnswer) poller_.LargeAnswerMoves(*context_);
  if (status.ok()) {
    writer_->Finish(response, status, static_cast<CqTag*>(&sent_tag_));
  } else {
    writer_->FinishWithError(status, static_cast<CqTag*>(&sent_tag_));
  }
}

void HotCall::OnSent(bool /*ok*/) {
  sent_ = true;
  GiveBackIfOver();
}

void HotCall::OnDone(bool /*ok*/) {
  done_ = true;
  if (context_->IsCancelled()) SetGone();
  GiveBackIfOver();
}

void HotCall::GiveBackIfOver() {
  if (!sent_ || !done_) return;  // What has not been sent yet may still be waiting for Raft.
  End();
  poller_.LargeAnswerOver(*context_);
  writer_.reset();
  context_.reset();
  poller_.CallEnded();
  pool_.GiveBack(std::unique_ptr<HotCall>(this));
}

}  // namespace cairn::kv::api
