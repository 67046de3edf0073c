#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace cairn::raft::testing {

// A program from the directory of this test, with a pipe to its input and one from its output. Killed, and
// waited for, at the latest when this goes; it sees the end of its input if we die before.
class ChildProcess {
 public:
  explicit ChildProcess(const std::string& program, const std::vector<std::string>& arguments);
  ~ChildProcess() { Kill(); }
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // The next line it printed; empty at the end, which more() tells from an empty line.
  std::string ReadLine();
  [[nodiscard]] bool more() const { return !ended_; }

  // Waits for it to end by itself. Its exit code, or -1 if it was killed.
  int Wait();

  // SIGKILL; returns without waiting for the death.
  void SendKill() const;
  // SIGKILL, and waits.
  void Kill();

 private:
  pid_t pid_ = 0;  // 0: not running.
  bool ended_ = false;
  int in_ = -1;
  int out_ = -1;
};

}  // namespace cairn::raft::testing
