#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/grpcpp.h>

#include <atomic>

#include "kv/api/cq_tag.h"

namespace cairn::kv::api {

// Something waiting in a mailbox; a member or base of the object it wakes.
class Mail {
 public:
  virtual void OnMail() = 0;  // On the poller's thread.

 protected:
  ~Mail() = default;

 private:
  friend class Mailbox;
  Mail* next_ = nullptr;
};

// How other threads hand finished work to the thread that polls a completion queue. Results of Raft come in
// batches from the applier; only the first of a batch wakes the poller (one immediate grpc::Alarm), the
// others are found when it comes. Measured, a wake-up costs several microseconds of the applier's time, a
// push some nanoseconds; finishing the RPC on the applier's thread would cost it the whole of gRPC's share.
class Mailbox final : private CqTag {
 public:
  explicit Mailbox(grpc::CompletionQueue& queue) : queue_(queue) {}

  // Any thread. `mail` must stay where it is, and must not be pushed again, until OnMail() is called.
  // REQUIRES: the completion queue is not shut down.
  void Push(Mail& mail);

 private:
  void OnEvent(bool ok) override;

  grpc::CompletionQueue& queue_;
  grpc::Alarm alarm_;
  // Newest first. Invariant: not null if and only if the alarm is set and its event has not been handled.
  std::atomic<Mail*> newest_{nullptr};
};

}  // namespace cairn::kv::api
