#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <chrono>
#include <memory>

namespace cairn::node {

// SIGTERM and SIGINT as something to wait for. The first asks for an orderly stop; from then on the next one
// ends the process at once. Made before any other thread, so that all threads inherit the blocked signals.
class StopSignal {
 public:
  static absl::StatusOr<std::unique_ptr<StopSignal>> Create();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  // True when a signal came or Raise() was called; false after `timeout`.
  bool Wait(std::chrono::milliseconds timeout);

  // As if a signal had come; any thread, does not block.
  void Raise();

  // From now on a signal ends the process with status 1, whatever it is doing.
  void ExitOnNext();

 private:
  StopSignal(int signals, int raised) : signals_(signals), raised_(raised) {}

  const int signals_;  // A signalfd.
  const int raised_;   // An eventfd.
};

}  // namespace cairn::node
