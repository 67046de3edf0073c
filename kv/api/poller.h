#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <functional>
#include <memory>
#include <thread>
#include <unordered_map>
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
  // The thread ends when its last call is over, those included that wait for a client. Any thread. REQUIRES:
  // the gRPC server is shut down, which ends the waiting.
  void EndWithLastCall() { mailbox_.Push(end_with_last_call_); }
  void Join();

  [[nodiscard]] Backend& backend() { return backend_; }
  [[nodiscard]] grpc::ServerCompletionQueue& queue() { return *queue_; }
  [[nodiscard]] Mailbox& mailbox() { return mailbox_; }

  // The calls of this poller; on its thread, or before it runs. Each is posted, and then either withdrawn
  // because the server shuts down, or begins and ends.
  void CallPosted() { ++posted_; }
  void CallWithdrawn();
  void CallBegan() { backend_.live_calls.Begin(); }
  void CallEnded();
  void StreamBegan(GenericCall& stream) { streams_.insert(&stream); }
  void StreamEnded(GenericCall& stream) { streams_.erase(&stream); }

  // A large answer is on its way, or some of it has been taken: it is cancelled if neither is said again
  // within ApiOptions::large_answer_deadline.
  void LargeAnswerMoves(grpc::ServerContextBase& call);
  void LargeAnswerOver(grpc::ServerContextBase& call) { large_answers_.erase(&call); }

 private:
  class EndStreamsMail final : public Mail {
   public:
    explicit EndStreamsMail(Poller& poller) : poller_(poller) {}
    void OnMail() override { poller_.EndAllStreams(); }

   private:
    Poller& poller_;
  };

  class EndWithLastCallMail final : public Mail {
   public:
    explicit EndWithLastCallMail(Poller& poller) : poller_(poller) {}
    void OnMail() override {
      poller_.ending_ = true;
      poller_.EndIfOver();
    }

   private:
    Poller& poller_;
  };

  void Run();
  void EndIfOver();
  void Tick(std::chrono::steady_clock::time_point now);
  void CheckLeader(std::chrono::steady_clock::time_point now);
  void EndAllStreams();
  void GiveUpLargeAnswers(std::chrono::steady_clock::time_point now);

  Backend& backend_;
  std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  Mailbox mailbox_{*queue_};
  EndStreamsMail end_streams_{*this};
  EndWithLastCallMail end_with_last_call_{*this};
  std::function<void(std::chrono::steady_clock::time_point)> on_tick_;
  std::thread thread_;

  // The thread's own.
  // Calls whose objects are the queue's. An event of theirs may be in the queue as long as it is not 0, and
  // handling it posts operations: the queue must not be shut before.
  std::size_t posted_ = 0;
  bool ending_ = false;
  std::unordered_set<GenericCall*> streams_;
  std::unordered_map<grpc::ServerContextBase*, std::chrono::steady_clock::time_point> large_answers_;
  std::chrono::steady_clock::time_point next_leader_check_{};
  int checks_without_leader_ = 0;
};

}  // namespace cairn::kv::api
