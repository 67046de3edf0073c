#pragma once

#include <absl/status/status.h>
#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace cairn::faults {

// One server process. Its output is appended to a log file. It dies with the thread that started it, whatever
// happens to us. Not thread-safe; to be used by the main thread only.
class Process {
 public:
  Process(std::vector<std::string> command, std::string log)
      : command_(std::move(command)), log_(std::move(log)) {}
  ~Process();  // Kills it if it runs.

  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // REQUIRES: it does not run.
  absl::Status Start();
  // SIGKILL, SIGSTOP, SIGCONT... to the process. REQUIRES: it runs.
  void Signal(int signal);
  // Until it has ended; SIGKILL when it has not after `patience`. How it ended, in words.
  std::string Wait(std::chrono::milliseconds patience);
  // It ended though nobody waits for that: how, in words.
  std::optional<std::string> EndedByItself();

  bool running() const { return pid_ > 0; }
  const std::string& log() const { return log_; }

 private:
  const std::vector<std::string> command_;
  const std::string log_;
  pid_t pid_ = 0;  // 0: does not run.
};

}  // namespace cairn::faults
