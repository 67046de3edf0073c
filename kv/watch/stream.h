#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/functional/any_invocable.h>
#include <absl/status/status.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string_view>

#include "etcd/rpc.pb.h"
#include "kv/watch/catch_up.h"
#include "kv/watch/draft.h"
#include "kv/watch/hub_state.h"
#include "kv/watch/intrusive_list.h"
#include "kv/watch/progress_request.h"
#include "kv/watch/response.h"
#include "kv/watch/wake_gate.h"
#include "kv/watch/watch_stream.h"
#include "kv/watch/watcher.h"
#include "kv/watch/watcher_table.h"

namespace cairn::kv {

// The watches of one RPC and their order on the wire: the rest of a fragmented response first, then answers
// to requests, then progress, then the ready watchers in turn, one response each.
//
// Methods whose comment says "hub" are called by the hub under its lock, from any thread; the rest belongs to
// the caller of Handle() and Take().
class Stream final : public WatchStream {
 public:
  Stream(HubState& hub, absl::AnyInvocable<void()> wake);
  ~Stream() override;

  void Handle(const etcdserverpb::WatchRequest& request) override;
  std::optional<EncodedMessage> Take() override;
  [[nodiscard]] std::size_t answers_waiting() const override { return answers_.size(); }

  // Hub: a waiting watcher of this stream has something to send at `revision`.
  void MakeReady(Watcher& watcher, Revision revision);
  // Hub: queues the progress notifications that are due.
  void Tick(std::chrono::steady_clock::time_point now);
  // Hub: the gate to call once the lock is released, if Take() returned nothing and now would not.
  [[nodiscard]] std::shared_ptr<WakeGate> TakeWake();
  // Hub: whether a progress request waits for a revision that was not fed yet.
  [[nodiscard]] bool AwaitsRevision() const;
  // Hub.
  [[nodiscard]] std::size_t watchers() const;
  [[nodiscard]] std::size_t CountBehind() const;

 private:
  void Create(const etcdserverpb::WatchCreateRequest& request);
  void Cancel(std::int64_t watch_id);
  void RequestProgress();
  void Answer(Revision revision, const WatchNotice& notice);
  void Register(std::unique_ptr<Watcher> watcher, const KeyRange& range, Revision readable, Revision start);

  // One turn of Take(): what the stream has to do next, decided under the lock; it is done without.
  struct Turn;
  Turn NextTurn();
  std::optional<EncodedMessage> Deliver(const Search& search);
  std::optional<EncodedMessage> FinishResponse();
  EncodedMessage CancelFailed(const absl::Status& status);

  void FillParts(Search& search) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(hub_.mu);
  void Place(Watcher& watcher, RevisionId next) ABSL_EXCLUSIVE_LOCKS_REQUIRED(hub_.mu);
  void Enqueue(Watcher& watcher, Revision next) ABSL_EXCLUSIVE_LOCKS_REQUIRED(hub_.mu);
  void Detach(Watcher& watcher) ABSL_EXCLUSIVE_LOCKS_REQUIRED(hub_.mu);
  void StartProgress(Revision readable) ABSL_EXCLUSIVE_LOCKS_REQUIRED(hub_.mu);
  [[nodiscard]] bool HasSomething() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(hub_.mu);

  HubState& hub_;
  const std::shared_ptr<WakeGate> gate_;

  std::deque<EncodedMessage> answers_;  // To requests, in their order.
  // The response that is being built. Its watcher is in no list, and goes on when it is complete.
  std::optional<Draft> draft_;

  // Changes under hub_.mu and only in Handle() and Take(), which therefore may read it without.
  WatcherTable watchers_;

  IntrusiveList<Watcher, &Watcher::ready_hook> ready_ ABSL_GUARDED_BY(hub_.mu);
  // Take() returned nothing, or was never called, and nobody has called `wake` for that yet.
  bool parked_ ABSL_GUARDED_BY(hub_.mu) = true;
  ProgressRequest progress_ ABSL_GUARDED_BY(hub_.mu);
  std::optional<std::chrono::steady_clock::time_point> tick_due_ ABSL_GUARDED_BY(hub_.mu);
};

}  // namespace cairn::kv
