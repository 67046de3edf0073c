#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <chrono>
#include <memory>

namespace cairn::node {

// SIGTERM and SIGINT: before CatchNext() and after ExitOnNext() they end the process with status 1, whatever
// it is doing; in between, the first asks for an orderly stop. One at a time in a process.
class StopSignal {
 public:
  static absl::StatusOr<std::unique_ptr<StopSignal>> Create();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  // From now on a signal is something to wait for.
  void CatchNext();

  // True when a caught signal came or Raise() was called; false after `timeout`.
  bool Wait(std::chrono::milliseconds timeout);

  // As if a signal had come; any thread, does not block.
  void Raise();

  // From now on a signal ends the process again.
  void ExitOnNext();

 private:
  explicit StopSignal(int raised) : raised_(raised) {}

  const int raised_;  // An eventfd.
};

}  // namespace cairn::node
