#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/status/statusor.h>
#include <absl/synchronization/mutex.h>
#include <grpcpp/alarm.h>
#include <grpcpp/completion_queue.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "kv/client/endpoints.h"
#include "kv/client/proto.h"
#include "kv/client/retry.h"
#include "kv/client/watch_cursor.h"

namespace cairn::kv::client {

struct WatchOptions {
  std::string key;
  std::string range_end;  // As in the API: empty is the key alone, one zero byte all from the key on.
  std::int64_t start_revision = 0;   // Inclusive; 0: what comes after now.
  bool prev_kv = false;              // Events carry the key as it was before.
  bool progress_notify = false;      // The server says from time to time how far it is.
  std::optional<std::size_t> first;  // The endpoint to ask first.
  // A node that does not confirm the watch within this time is left for another.
  std::chrono::milliseconds open_timeout{3000};
  // While no node has ever confirmed the watch, Next() fails after this time. Afterwards it never gives up.
  std::chrono::milliseconds first_open_timeout{5000};
};

// One watch that outlives the nodes it runs on.
//
// When its stream breaks it goes on at another endpoint, from the revision after the last one it delivered:
// no event is lost, none is delivered twice, and a revision is never delivered in part. It ends only when the
// server says that this watch cannot be (compacted history, an empty range, no permission).
//
// It has no thread: Next() does the work, and reconnects only while somebody is in it. Not thread-safe but
// for Stop() and RequestProgress(). The endpoints must outlive it.
class Watcher {
 public:
  Watcher(Endpoints& endpoints, WatchOptions options);
  ~Watcher();

  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  // Waits up to `time` for what comes next:
  //   OK: a response with events of whole revisions, or without events: progress, everything up to
  //     header.revision was delivered.
  //   DeadlineExceeded: nothing came in time; call again.
  //   Cancelled: Stop() was called.
  //   OutOfRange with CompactRevisionOf() > 0: history before that revision is gone; cancellation() has the
  //     server's words.
  //   Unavailable: no endpoint could be reached for the first time.
  //   DataLoss: the server broke the order of events.
  //   anything else: the server refused the watch. After these the watcher stays ended.
  absl::StatusOr<pb::WatchResponse> Next(std::chrono::milliseconds time);

  // Ends the watch; a Next() under way returns. From any thread.
  void Stop();

  // Asks the server how far it is; the answer comes out of Next(). From any thread. Lost if the stream
  // breaks.
  void RequestProgress();

  // The response by which the server ended the watch, if it did.
  const std::optional<pb::WatchResponse>& cancellation() const { return cancellation_; }
  // The next revision this watch waits for.
  std::int64_t next_revision() const { return cursor_.resume_revision(); }
  // Streams opened so far, minus one: how often the watch moved or came back.
  std::int64_t resumptions() const { return streams_confirmed_ > 0 ? streams_confirmed_ - 1 : 0; }
  // Streams that broke, or could not be opened.
  std::int64_t failures() const { return failures_; }
  // Events a server sent again although the watch was resumed after them; they were dropped.
  std::int64_t repeated_events() const { return cursor_.repeated_events(); }

 private:
  struct Stream;
  enum Tag : int;

  // How long a node that could not be reached lately may take to accept a connection, before another is
  // tried.
  static constexpr std::chrono::milliseconds kFirstPatience{50};
  static constexpr std::chrono::milliseconds kLastPatience{800};

  // Opens a stream if it is time to, gives up one that is not confirmed, passes on wishes from other threads.
  // An error ends the watch.
  absl::Status DoWhatIsDue();
  void Open();
  // Breaks the stream and waits for its last words.
  void CloseStream();
  void OnTag(Tag tag, bool ok);
  void StartWrite(const pb::WatchRequest& request);
  void OnStreamBroken();
  // The stream's last word is in: go on elsewhere, or end with its error.
  absl::Status OnStreamEnd();
  void RetryLater();
  // What `incoming` says; unset if there is nothing to tell the caller yet.
  std::optional<absl::StatusOr<pb::WatchResponse>> OnResponse();
  std::optional<absl::StatusOr<pb::WatchResponse>> OnCancelled(const pb::WatchResponse& response);
  absl::Status End(absl::Status status);
  void CheckOpenTimeout();
  SteadyTime NextOwnDeadline() const;

  Endpoints& endpoints_;
  const WatchOptions options_;
  WatchCursor cursor_;
  Backoff backoff_;

  grpc::CompletionQueue queue_;
  grpc::Alarm wake_;
  absl::Mutex wake_mu_;
  bool wake_set_ ABSL_GUARDED_BY(wake_mu_) = false;  // The alarm is on its way through the queue.
  std::atomic<bool> stopped_ = false;
  std::atomic<bool> progress_wanted_ = false;

  std::unique_ptr<Stream> stream_;  // Null between streams.
  std::size_t endpoint_ = 0;        // Of stream_, or of the last one.
  std::size_t tried_ = 0;           // Endpoints that failed since the last confirmed stream.
  std::chrono::milliseconds patience_ = kFirstPatience;
  SteadyTime open_at_;     // When the next stream may be opened; only meaningful without a stream.
  SteadyTime created_at_;  // When this watcher was made.
  std::int64_t streams_confirmed_ = 0;
  std::int64_t failures_ = 0;
  std::string last_trouble_;
  std::optional<pb::WatchResponse> cancellation_;
  std::optional<absl::Status> ended_;  // Once set, every Next() returns it.
};

}  // namespace cairn::kv::client
