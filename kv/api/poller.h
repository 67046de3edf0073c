#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <functional>
#include <memory>
#include <thread>
#include <unordered_set>

#include "kv/api/backend.h"
#include "kv/api/mailbox.h"

namespace cairn::kv::api {

class GenericCall;

// One thread and the completion queue it polls. Every call lives on one poller and is touched by its thread
// only; other threads reach it through the mailbox.
class Poller {
 public:
  static constexpr std::chrono::milliseconds kTick{100};

  Poller(Backend& backend, std::unique_ptr<grpc::ServerCompletionQueue> queue);
  ~Poller();  // REQUIRES: joined, or never started.

  // `on_tick` runs on the thread about every kTick.
  void Start(std::function<void(std::chrono::steady_clock::time_point)> on_tick);
  // Ends all streams of this poller because the server stops. Any thread.
  void EndStreams() { mailbox_.Push(end_streams_); }
  // The queue takes no more operations; the thread ends when all events are handled. REQUIRES: the gRPC
  // server is shut down and no call is left.
  void ShutdownQueue() { queue_->Shutdown(); }
  void Join();

  [[nodiscard]] Backend& backend() { return backend_; }
  [[nodiscard]] grpc::ServerCompletionQueue& queue() { return *queue_; }
  [[nodiscard]] Mailbox& mailbox() { return mailbox_; }

  // The calls of this poller; on its thread.
  void CallBegan() { backend_.live_calls.fetch_add(1, std::memory_order_relaxed); }
  void CallEnded();
  void StreamBegan(GenericCall& stream) { streams_.insert(&stream); }
  void StreamEnded(GenericCall& stream) { streams_.erase(&stream); }

 private:
  class EndStreamsMail final : public Mail {
   public:
    explicit EndStreamsMail(Poller& poller) : poller_(poller) {}
    void OnMail() override { poller_.EndAllStreams(); }

   private:
    Poller& poller_;
  };

  void Run();
  void Tick(std::chrono::steady_clock::time_point now);
  void CheckLeader(std::chrono::steady_clock::time_point now);
  void EndAllStreams();

  Backend& backend_;
  std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  Mailbox mailbox_{*queue_};
  EndStreamsMail end_streams_{*this};
  std::function<void(std::chrono::steady_clock::time_point)> on_tick_;
  std::thread thread_;

  // The thread's own.
  std::unordered_set<GenericCall*> streams_;
  std::chrono::steady_clock::time_point next_leader_check_{};
  int checks_without_leader_ = 0;
};

}  // namespace cairn::kv::api
