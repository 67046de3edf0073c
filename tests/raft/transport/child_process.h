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

  // The next line it printed; empty at the end.
  std::string ReadLine();

  // SIGKILL; returns without waiting for the death.
  void SendKill() const;
  // SIGKILL, and waits.
  void Kill();

 private:
  pid_t pid_ = 0;  // 0: not running.
  int in_ = -1;
  int out_ = -1;
};

}  // namespace cairn::raft::testing
