#pragma once

#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/service_type.h>
#include <grpcpp/support/async_unary_call.h>

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "kv/api/cq_tag.h"
#include "kv/api/poller.h"
#include "kv/api/unary_call.h"

namespace cairn::kv::api {

// The methods that make the load. They are registered one by one, so that gRPC reads the request together
// with the call (one event of the queue less than a generic call), and their messages stay raw bytes.
class HotService final : public grpc::Service {
 public:
  struct Entry {
    MethodIndex method;
    UnaryCall::Step service;
    int armed;  // Calls that wait for a request, per poller.
  };

  explicit HotService(std::vector<Entry> entries);

  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }
  void Request(std::size_t entry, grpc::ServerContext& context, grpc::ByteBuffer& request,
               grpc::ServerAsyncResponseWriter<grpc::ByteBuffer>& writer, grpc::ServerCompletionQueue& queue,
               void* tag);

 private:
  const std::vector<Entry> entries_;
  std::vector<std::string> paths_;  // gRPC keeps pointers to them.
};

class HotCall;

// The calls of one poller, reused. On the poller's thread, or before it runs.
class HotCallPool {
 public:
  static constexpr std::size_t kMaxIdle = 1024;

  HotCallPool(Poller& poller, HotService& service) : poller_(poller), service_(service) {}
  ~HotCallPool();

  void ArmAll();                // The agreed number of calls for each method.
  void Arm(std::size_t entry);  // One more.
  void GiveBack(std::unique_ptr<HotCall> call);

 private:
  Poller& poller_;
  HotService& service_;
  std::vector<std::unique_ptr<HotCall>> idle_;
};

// A call of HotService. While it is armed or running it belongs to the completion queue: it gives itself back
// when the last of its events has come.
class HotCall final : public UnaryCall {
 public:
  HotCall(Poller& poller, HotService& service, HotCallPool& pool)
      : UnaryCall(poller.backend(), poller.mailbox()), poller_(poller), service_(service), pool_(pool) {}

  void Arm(std::size_t entry);

 private:
  void SendAndEnd(const grpc::ByteBuffer& response, const grpc::Status& status) override;
  void OnArrived(bool ok);
  void OnSent(bool ok);
  void OnDone(bool ok);
  void GiveBackIfOver();

  Poller& poller_;
  HotService& service_;
  HotCallPool& pool_;
  std::size_t entry_ = 0;

  std::optional<grpc::ServerContext> context_;
  std::optional<grpc::ServerAsyncResponseWriter<grpc::ByteBuffer>> writer_;
  grpc::ByteBuffer request_;
  bool sent_ = false;
  bool done_ = false;

  MemberTag<HotCall, &HotCall::OnArrived> arrived_tag_{this};
  MemberTag<HotCall, &HotCall::OnSent> sent_tag_{this};
  MemberTag<HotCall, &HotCall::OnDone> done_tag_{this};
};

}  // namespace cairn::kv::api
