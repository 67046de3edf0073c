#pragma once

#include <chrono>
#include <optional>

#include "raft/transport/completion_loop.h"

namespace cairn::raft {

// Tells when the other side of a stream has given no sign for a whole limit. The loop's thread may have been
// busy for longer than that, with what has arrived still waiting for it; so one look that finds nothing is
// not believed. There are two in each limit, and between two looks the loop has handled what was there.
// Loop's thread only, as the destructor.
class SilenceWatch {
 public:
  explicit SilenceWatch(CompletionLoop& loop) : loop_(loop) {}
  ~SilenceWatch() { Stop(); }
  SilenceWatch(const SilenceWatch&) = delete;
  SilenceWatch& operator=(const SilenceWatch&) = delete;

  // Begins, or begins anew. `on_silence` runs at most once, after one limit to one and a half without
  // Heard().
  void Start(std::chrono::milliseconds limit, CompletionLoop::Task on_silence);

  // The other side gave a sign, or it was not its turn.
  void Heard() { heard_ = true; }

  void Stop();

 private:
  void LookLater();
  void Look();

  CompletionLoop& loop_;
  std::chrono::milliseconds between_looks_{0};
  CompletionLoop::Task on_silence_;
  std::optional<CompletionLoop::Timer> timer_;  // Set while watching.
  bool heard_ = false;                          // Since the last look.
  int quiet_looks_ = 0;                         // In a row.
};

}  // namespace cairn::raft
